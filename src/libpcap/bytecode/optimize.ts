import { checkInstructions } from '../check_program.ts';
import type { Instruction } from '../program.ts';
import { TooComplex } from './expression.ts';
import { GraphPool, type Node } from './graph.ts';
import { layOut } from './lay_out.ts';
import { readProgram } from './read_program.ts';
import { simplified } from './simplify.ts';
import { writeSteps } from './write_steps.ts';

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
