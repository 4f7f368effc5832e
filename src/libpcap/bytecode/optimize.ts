import { checkInstructions } from '../check_program.ts';
import type { Instruction } from '../program.ts';
import { TooComplex } from './expression.ts';
import { GraphPool, type Node } from './graph.ts';
import { threadJumps } from './jump_threading.ts';
import { layOut } from './lay_out.ts';
import { readProgram } from './read_program.ts';
import { orderTests } from './order_tests.ts';
import { writeSteps } from './write_steps.ts';

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

/** The instructions for a graph. Throws `TooComplex`. */
export function writeProgram(root: Node): readonly Instruction[] {
  return layOut(writeSteps(root));
}

/**
 * Makes a program shorter that means the same: for every packet, of any length, it returns the same number. A program that computes more than
 * can be told here comes back as it is.
 *
 * @throws RangeError for what is no program over stored packets (`checkInstructions`).
 */
export function optimize(instructions: readonly Instruction[]): readonly Instruction[] {
  checkInstructions(instructions);
  try {
    const pool = new GraphPool();
    return writeProgram(simplified(readProgram(instructions, pool), pool));
  } catch (error) {
    if (error instanceof TooComplex) return instructions;
    throw error;
  }
}
