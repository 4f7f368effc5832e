import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { runBpf } from '../../../test/support/bpf_machine.ts';
import { coveringPackets } from '../../../test/support/covering_packets.ts';
import { randomInstructions } from '../../../test/support/random_program.ts';
import { accept, encodeInstructions, type Instruction } from '../program.ts';
import { optimize } from './optimize.ts';
import { soak, times } from '../../../test/support/soak.ts';

const packet = fc.record({ bytes: fc.uint8Array({ maxLength: 90 }), wire_length: fc.nat(200) });

test(
  'a random program means the same, for every packet',
  () => {
    const seen = { programs: 0, shorter: 0, accepted: 0, rejected: 0 };
    fc.assert(
      fc.property(randomInstructions(60), fc.array(packet, { minLength: 8, maxLength: 8 }), (instructions, packets) => {
        const optimized = optimize(instructions);
        const [before, after] = [encodeInstructions(instructions), encodeInstructions(optimized)];
        const covering = coveringPackets(instructions, [new Uint8Array(90), ...packets.map(({ bytes }) => bytes)], 30);
        for (const one of [...packets, ...covering.map((bytes) => ({ bytes, wire_length: bytes.length }))]) {
          const wanted = runBpf(before, one);
          expect(runBpf(after, one)).toBe(wanted);
          if (wanted === 0) seen.rejected += 1;
          else seen.accepted += 1;
        }
        seen.programs += 1;
        if (optimized.length < instructions.length) seen.shorter += 1;
      }),
      { numRuns: times(1500) },
    );
    expect(seen.shorter).toBeGreaterThan(seen.programs * 0.9);
    expect(Math.min(seen.accepted, seen.rejected)).toBeGreaterThan(seen.programs);
  },
  60_000 * Math.max(1, soak),
);

function step(code: number, k = 0, jt = 0, jf = 0): Instruction {
  return { code, jt, jf, k };
}

test('a load that decides nothing still rejects what is too short for it', () => {
  const always = optimize([step(0x30, 40), step(0x54, 0), step(0x15, 0, 0, 1), accept(7), accept(0)]);
  const run = (bytes: number): number => runBpf(encodeInstructions(always), { bytes: new Uint8Array(bytes) });
  expect([run(40), run(41)]).toEqual([0, 7]);
});

test('what asks the same twice is asked once', () => {
  const once = [step(0x28, 12), step(0x15, 0x800, 1, 0), accept(0), accept(7)];
  const twice = [
    step(0x28, 12),
    step(0x15, 0x800, 0, 4),
    step(0x28, 12),
    step(0x15, 0x86dd, 2, 0),
    step(0x15, 0x800, 0, 1),
    accept(7),
    accept(0),
  ];
  expect(optimize(twice)).toEqual(once);
});

test('a division by zero rejects, wherever the zero comes from', () => {
  // 1 / (byte 0), and a byte that follows is looked at only behind it.
  const divided = [
    step(0x30, 0),
    step(0x07),
    step(0x00, 1),
    step(0x3c),
    step(0x15, 9, 1, 0),
    step(0x15, 9, 0, 1),
    accept(0),
    accept(7),
  ];
  const optimized = encodeInstructions(optimize(divided));
  for (const byte of [0, 1, 2, 255]) {
    expect(runBpf(optimized, { bytes: Uint8Array.of(byte) })).toBe(byte === 0 ? 0 : 7);
  }
});

test('a constant zero divides nothing and reaches no kernel', () => {
  const zero = [step(0x00, 0), step(0x07), step(0x00, 5), step(0x3c), accept(7)];
  expect(optimize(zero)).toEqual([accept(0)]);
});

test('what holds more than the machine has room for stays as it is', () => {
  // Doubles a register over and over: written out, it has no end.
  const doubling = Array.from({ length: 40 }, () => [step(0x07), step(0x0c)]).flat();
  const program = [step(0x30, 0), ...doubling, step(0x15, 3, 0, 1), accept(7), accept(0)];
  expect(optimize(program)).toBe(program);
});

test('sums of any depth and shape fit into the scratch words', () => {
  // Loads from a place that the packet tells, so that each takes x.
  const load = (at: number): readonly Instruction[] => [step(0x30, at), step(0x07), step(0x50, 0)];
  const word = (code: number, at: number): Instruction => step(code, at);
  const left = [
    ...load(0),
    ...Array.from({ length: 20 }, (_, at) => [
      word(0x02, 0),
      ...load(at + 1),
      step(0x07),
      word(0x60, 0),
      step(0x1c),
    ]).flat(),
  ];
  const right = [
    ...load(0),
    ...Array.from({ length: 20 }, (_, at) => [word(0x02, 0), ...load(at + 1), word(0x61, 0), step(0x1c)]).flat(),
  ];
  const balanced = (depth: number, at: number): readonly Instruction[] => {
    if (depth === 0) return load(at % 32);
    const half = 2 ** (depth - 1);
    return [
      ...balanced(depth - 1, at),
      word(0x02, depth),
      ...balanced(depth - 1, at + half),
      word(0x61, depth),
      step(0x1c),
    ];
  };
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 40, maxLength: 40, max: 39 }), fc.nat(255), (bytes, wanted) => {
      for (const sum of [left, right, balanced(6, 0)]) {
        const program = [...sum, step(0x54, 0xff), step(0x15, wanted, 0, 1), accept(7), accept(0)];
        const optimized = optimize(program);
        expect(optimized).not.toBe(program);
        const [before, after] = [program, optimized].map((one) => runBpf(encodeInstructions(one), { bytes }));
        expect(after).toBe(before);
      }
    }),
    { numRuns: 50 },
  );
});

test('jumps reach over any distance', () => {
  fc.assert(
    fc.property(fc.integer({ min: 200, max: 700 }), fc.nat(60), (count, last) => {
      // Each one that holds leads to the end.
      const tests = Array.from({ length: count }, (_, at) => [
        step(0x30, at % 61),
        step(0x15, at % 256, 0, 1),
        step(0x05, 3 * (count - at - 1) + 1),
      ]).flat();
      const program = [...tests, accept(0), accept(7)];
      const optimized = encodeInstructions(optimize(program));
      const before = encodeInstructions(program);
      for (const fill of [0, last, 255]) {
        const bytes = new Uint8Array(61).fill(fill);
        expect(runBpf(optimized, { bytes })).toBe(runBpf(before, { bytes }));
      }
    }),
    { numRuns: 20 },
  );
});
