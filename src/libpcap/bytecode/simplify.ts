import type { GraphPool, Node } from './graph.ts';
import { threadJumps } from './jump_threading.ts';
import { orderTests } from './order_tests.ts';

/** Rounds after which a graph is left as it is; two or three suffice for what libpcap compiles. */
const rounds_max = 16;

/** Leaves out of a graph what is not needed to say the same of every packet. */
export function simplified(root: Node, pool: GraphPool): Node {
  let node = root;
  for (let round = 0; round < rounds_max; round++) {
    const next = orderTests(threadJumps(node, pool), pool);
    if (next === node) break;
    node = next;
  }
  return node;
}
