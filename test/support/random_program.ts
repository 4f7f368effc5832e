import * as fc from 'fast-check';
import { accept, type Instruction } from '../../src/libpcap/program.ts';

// What classic BPF programs are made of, written down once more for the tests (bpf(4), filter.rst of the kernel).
const loads = { absolute: [0x20, 0x28, 0x30], indirect: [0x40, 0x48, 0x50], header_length: 0xb1 };
const constants = [0x00, 0x01];
const lengths = [0x80, 0x81];
const scratch = [0x60, 0x61, 0x02, 0x03];
const transfers = [0x07, 0x87];
const arithmetic_k = [0x04, 0x14, 0x24, 0x44, 0x54, 0xa4];
const divisions_k = [0x34, 0x94];
const shifts_k = [0x64, 0x74];
const arithmetic_x = [0x0c, 0x1c, 0x2c, 0x3c, 0x4c, 0x5c, 0x6c, 0x7c, 0x84, 0x9c, 0xac];
const jumps = [0x15, 0x25, 0x35, 0x45, 0x1d, 0x2d, 0x3d, 0x4d];
const returns_a = 0x16;

/** Numbers that a packet, an offset or a length may well be, those at the ends of their range, and any. */
const operand = fc.oneof(
  { weight: 5, arbitrary: fc.nat(70) },
  { weight: 2, arbitrary: fc.constantFrom(0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0xffff_fffe, 0xff, 0xffff, 0x100) },
  fc.nat(0xffff_ffff),
);
/** Where a load looks: mostly within a short packet. */
const offset = fc.oneof(
  { weight: 20, arbitrary: fc.nat(24) },
  fc.nat(70),
  fc.constantFrom(0x7fff_ffff, 0x7fff_fffc, 0x8000_0000, 0xffff_efff),
);
const indirect_offset = fc.oneof(
  { weight: 20, arbitrary: offset },
  fc.constantFrom(0xffff_ffff, 0xffff_fff0, 0xffff_fffc),
);

/** One instruction; where jumps lead is seen to at the end. */
const step: fc.Arbitrary<Instruction> = fc.oneof(
  { weight: 5, arbitrary: one(loads.absolute, offset) },
  { weight: 4, arbitrary: one(loads.indirect, indirect_offset) },
  one([loads.header_length], indirect_offset),
  { weight: 2, arbitrary: one(constants, operand) },
  one(lengths, fc.constant(0)),
  { weight: 3, arbitrary: one(scratch, fc.nat(15)) },
  { weight: 2, arbitrary: one(transfers, fc.constant(0)) },
  { weight: 3, arbitrary: one(arithmetic_k, operand) },
  one(divisions_k, fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 0xffff_ffff }))),
  one(shifts_k, fc.nat(31)),
  { weight: 3, arbitrary: one(arithmetic_x, operand) },
  { weight: 6, arbitrary: one(jumps, operand) },
  one([0x05], fc.nat()),
);

/** Loads from behind an x that is within a packet, or just not any more: once, and with another x. */
const near: fc.Arbitrary<Instruction> = fc.oneof(
  one([0x01], fc.nat(70)),
  one([0x81], fc.constant(0)),
  one([loads.header_length], fc.nat(30)),
  one([0x07], fc.constant(0)),
  one([0x61], fc.nat(3)),
);
const behind: fc.Arbitrary<Instruction> = one(loads.indirect, fc.nat(20));
const phrase: fc.Arbitrary<readonly Instruction[]> = fc.oneof(
  fc.tuple(near, behind),
  fc.tuple(near, behind, behind),
  fc.tuple(near, behind, near, behind),
  fc.tuple(one([0x01], fc.nat(40)), one(arithmetic_x, operand)),
  fc.tuple(one([0x01], fc.nat(40)), one([0x6c, 0x7c], operand), one([0x15, 0x45], fc.constantFrom(0, 0xffff_ffff))),
);

const ending: fc.Arbitrary<Instruction> = fc.oneof(
  fc.constantFrom(accept(0), accept(1), accept(262_144), accept(0x8000_0000)),
  fc.constant({ code: returns_a, jt: 0, jf: 0, k: 0 }),
);

function one(codes: readonly number[], k: fc.Arbitrary<number>): fc.Arbitrary<Instruction> {
  return fc
    .tuple(fc.constantFrom(...codes), k, fc.nat(255), fc.nat(255))
    .map(([code, operand, jt, jf]) => ({ code, jt, jf, k: operand }));
}

/**
 * Instructions of a valid program, of every kind that is not for live captures alone. Jumps lead everywhere that the machine
 * allows, often to the next instruction or one close by.
 */
export function randomInstructions(most: number, least = 3): fc.Arbitrary<readonly Instruction[]> {
  const steps = fc.oneof(
    { weight: 15, arbitrary: step.map((single) => [single]) },
    { weight: 3, arbitrary: phrase },
    ending.map((single) => [single]),
  );
  return fc
    .tuple(fc.array(steps, { minLength: least - 3, maxLength: most - 3, size: 'max' }), fc.constantFrom(3, 20, 255))
    .map(([steps, reach]) => {
      const whole = [...steps.flat().slice(0, most - 3), accept(1), accept(0), accept(1)];
      return whole.map((instruction, index) => {
        if ((instruction.code & 0x07) !== 0x05) return instruction;
        const behind = Math.min(whole.length - index - 1, reach);
        if (instruction.code !== 0x05) {
          return { ...instruction, jt: instruction.jt % behind, jf: instruction.jf % behind };
        }
        return { ...instruction, k: instruction.k % (reach === 255 ? whole.length - index - 1 : behind) };
      });
    });
}
