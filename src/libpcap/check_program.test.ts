import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { randomInstructions } from '../../test/support/random_program.ts';
import { checkProgram } from './check_program.ts';
import { accept, type Instruction } from './program.ts';

function one(code: number, k = 0, jt = 0, jf = 0): Instruction {
  return { code, jt, jf, k };
}

test('every valid program passes', () => {
  fc.assert(
    fc.property(randomInstructions(200), (instructions) => {
      expect(() => checkProgram(instructions)).not.toThrow();
    }),
  );
  for (const code of [0x20, 0x28, 0x30]) checkProgram([one(code, 0xffff_efff), accept(1)]);
  for (const code of [0x40, 0x48, 0x50, 0xb1]) checkProgram([one(code, 0xffff_ffff), accept(1)]);
  checkProgram(Array.from({ length: 4096 }, () => accept(1)));
});

test('all codes that the kernel does not know are refused', () => {
  // The kernel's list (bpf_check_classic in net/core/filter.c) has so many.
  const all = Array.from({ length: 0x400 }, (_, low) => [low, 0x8000 + low, 0xfc00 + low]).flat();
  const codes = all.filter((code) => {
    try {
      checkProgram([one(code, 1), accept(0), accept(0)]);
      return true;
    } catch {
      return false;
    }
  });
  expect(codes).toHaveLength(49);
  expect(() => checkProgram([one(0x0e), accept(1)])).toThrow('instruction 0 of the filter is unknown: 0xe');
});

const outside = 'instruction 1 of the filter jumps out of it';
test.each<[string, readonly Instruction[], string]>([
  ['nothing', [], 'a filter has 1 to 4096 instructions, not 0'],
  ['too much', Array.from({ length: 4097 }, () => accept(1)), 'not 4097'],
  ['no return at the end', [accept(1), one(0x87)], 'the last instruction of the filter is no return'],
  ['a jump to behind the end', [accept(0), one(0x05, 1), accept(1)], outside],
  ['a jump at the end', [accept(0), one(0x05, 0)], outside],
  ['a jump far away', [accept(0), one(0x05, 0xffff_ffff), accept(1)], outside],
  ['a jump out if true', [accept(0), one(0x15, 0, 1, 0), accept(1)], outside],
  ['a jump out if false', [accept(0), one(0x2d, 0, 0, 1), accept(1)], outside],
  ['a load of scratch word 16', [one(0x60, 16), accept(1)], 'instruction 0 of the filter names scratch word 16'],
  ['a load of it into x', [one(0x61, 16), accept(1)], 'names scratch word 16'],
  ['a store into it', [one(0x02, 16), accept(1)], 'names scratch word 16'],
  ['a store of x into it', [one(0x03, 0xffff_ffff), accept(1)], 'names scratch word 4294967295'],
  ['a division by 0', [one(0x34), accept(1)], 'divides by zero'],
  ['a remainder by 0', [one(0x94), accept(1)], 'divides by zero'],
  ['a shift of 32 bits to the left', [one(0x64, 32), accept(1)], 'shifts by 32 bits'],
  ['a shift of 32 bits to the right', [one(0x74, 32), accept(1)], 'shifts by 32 bits'],
  ['a word that the kernel alone knows', [one(0x20, 0xffff_f000), accept(1)], 'live capture'],
  ['a half word of it', [one(0x28, 0xffff_f004), accept(1)], 'live capture'],
  ['a byte of it', [one(0x30, 0xffff_f02c), accept(1)], 'live capture'],
])('%s is refused', (_, instructions, said) => {
  expect(() => checkProgram(instructions)).toThrow(RangeError);
  expect(() => checkProgram(instructions)).toThrow(said);
});
