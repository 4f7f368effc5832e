import { questionOf } from './condition.ts';
import { type GraphPool, inOrder, type Node, rebuilt } from './graph.ts';

/** One filter read for each depth of VLAN tags, and the programs that tell the depths apart. */
export interface TagGraphs {
  readonly untagged: Node;
  readonly tagged: Node;
  /** Two tags or more. */
  readonly double_tagged: Node;
  /** Accepts packets with a tag. */
  readonly has_tag: Node;
  /** Accepts packets with two tags or more. */
  readonly has_two_tags: Node;
}

/**
 * Makes one graph that goes, of three, by the one for the packet's own depth of tags. Written as one text, `vlan` would shift the
 * offsets of all that follows it across `or`, and no nesting of the text is right for packets without a tag, with one
 * and with two.
 */
export function joinTags(graphs: TagGraphs, pool: GraphPool): Node {
  const { untagged, tagged, double_tagged, has_tag, has_two_tags } = graphs;
  return decidedBy(has_tag, decidedBy(has_two_tags, double_tagged, tagged, pool), untagged, pool);
}

/** Makes one graph that accepts what both accept, with the second's number of bytes. */
export function joinBoth(first: Node, second: Node, pool: GraphPool): Node {
  return decidedBy(first, second, pool.reject, pool);
}

/** Goes on where the first would accept or reject. Packets that are too short for the first are rejected. */
function decidedBy(first: Node, accepted: Node, rejected: Node, pool: GraphPool): Node {
  const zero = pool.expressions.constant(0);
  return rebuilt(inOrder(first), (node, now) => {
    if (node.kind !== 'return') return pool.relinked(node, now);
    const question = questionOf(pool.expressions, 'eq', node.value, zero);
    return pool.evaluate([node.value], pool.ask(question, rejected, accepted));
  });
}
