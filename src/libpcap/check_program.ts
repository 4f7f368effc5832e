import { ancillary, type Instruction, instructions_max } from './program.ts';

/** All instruction codes of the machine (linux/filter.h, bpf(4)), by class. */
const known = new Set(
  [
    // ld: a constant, from the packet, from behind x, a scratch word, the packet's length
    [0x00, 0x20, 0x28, 0x30, 0x40, 0x48, 0x50, 0x60, 0x80],
    // ldx: a constant, a scratch word, the packet's length, an IPv4 header's length
    [0x01, 0x61, 0x81, 0xb1],
    // st, stx
    [0x02, 0x03],
    // add, sub, mul, div, or, and, lsh, rsh, mod, xor: by a constant, by x; neg
    [0x04, 0x14, 0x24, 0x34, 0x44, 0x54, 0x64, 0x74, 0x94, 0xa4],
    [0x0c, 0x1c, 0x2c, 0x3c, 0x4c, 0x5c, 0x6c, 0x7c, 0x9c, 0xac, 0x84],
    // ja; jeq, jgt, jge, jset: with a constant, with x
    [0x05, 0x15, 0x25, 0x35, 0x45, 0x1d, 0x2d, 0x3d, 0x4d],
    // ret: a constant, a
    [0x06, 0x16],
    // tax, txa
    [0x07, 0x87],
  ].flat(),
);

/** Number of scratch words (BPF_MEMWORDS). */
const scratch_words = 16;

/**
 * Checks that a program is one that can be run over stored packets: what the kernel checks of a filter (filter.rst), and that
 * it asks for nothing that only the kernel knows.
 *
 * @throws RangeError that says which instruction is wrong.
 */
export function checkProgram(instructions: readonly Instruction[]): void {
  const count = instructions.length;
  if (count === 0 || count > instructions_max) {
    throw new RangeError(`a filter has 1 to ${instructions_max} instructions, not ${count}`);
  }
  checkInstructions(instructions);
}

/** The same for a program of any length. */
export function checkInstructions(instructions: readonly Instruction[]): void {
  const count = instructions.length;
  for (const [index, instruction] of instructions.entries()) {
    const wrong = wrongWith(instruction, count - index - 1);
    if (wrong !== undefined) throw new RangeError(`instruction ${index} of the filter ${wrong}`);
  }
  if (!isReturn(instructions[count - 1])) throw new RangeError('the last instruction of the filter is no return');
}

/** What is wrong with an instruction that has so many others behind it. */
function wrongWith({ code, jt, jf, k }: Instruction, behind: number): string | undefined {
  if (!known.has(code)) return `is unknown: 0x${code.toString(16)}`;
  if (code === 0x05 && k >= behind) return 'jumps out of it';
  if ((code & 0x07) === 0x05 && code !== 0x05 && (jt >= behind || jf >= behind)) return 'jumps out of it';
  if ([0x60, 0x61, 0x02, 0x03].includes(code) && k >= scratch_words) return `names scratch word ${k}`;
  if ([0x34, 0x94].includes(code) && k === 0) return 'divides by zero';
  if ([0x64, 0x74].includes(code) && k > 31) return `shifts by ${k} bits`;
  if ([0x20, 0x28, 0x30].includes(code) && k >= ancillary.base) {
    return 'is for a filter of a live capture, which cannot be run over stored packets';
  }
  return undefined;
}

function isReturn(instruction: Instruction | undefined): boolean {
  return instruction !== undefined && (instruction.code & 0x07) === 0x06;
}
