import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { accept, decodeInstructions, encodeInstructions } from './program.ts';

const instruction = fc.record({
  code: fc.integer({ min: 0, max: 0xffff }),
  jt: fc.integer({ min: 0, max: 0xff }),
  jf: fc.integer({ min: 0, max: 0xff }),
  k: fc.integer({ min: 0, max: 0xffff_ffff }),
});

test('apart and together again', () => {
  fc.assert(
    fc.property(fc.array(instruction), fc.nat(7), (instructions, shift) => {
      const bytes = encodeInstructions(instructions);
      // At any place of a greater buffer.
      const elsewhere = new Uint8Array(bytes.length + shift).subarray(shift);
      elsewhere.set(bytes);
      expect(decodeInstructions(elsewhere)).toEqual(instructions);
    }),
  );
});

test('the layout of struct sock_filter', () => {
  expect(encodeInstructions([{ code: 0x15, jt: 1, jf: 2, k: 0x11223344 }, accept(0)])).toEqual(
    Uint8Array.of(0x15, 0, 1, 2, 0x44, 0x33, 0x22, 0x11, 6, 0, 0, 0, 0, 0, 0, 0),
  );
});

test('half an instruction is none', () => {
  expect(() => decodeInstructions(new Uint8Array(12))).toThrow('12 bytes are no whole instructions');
});
