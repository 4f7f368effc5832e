import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { type KnownRate, packetsEstimated } from './packets_estimated.ts';

const rates = [
  { from: 0n, to: 10n, rate: 1 },
  { from: 12n, to: 20n, rate: 16 },
];

function estimated(times: readonly bigint[], known: readonly KnownRate[]): unknown {
  return packetsEstimated({ count: times.length, at: (index) => times[index] ?? 0n }, known);
}

test('each packet stands for as many as were passed over for it', () => {
  expect(estimated([1n, 10n, 13n, 20n], rates)).toEqual({ packets: 34n, unknown: 0 });
});

test('not known is not counted, and is no zero', () => {
  expect(estimated([0n, 10n, 11n, 12n, 21n], rates)).toEqual({ packets: 1n, unknown: 4 });
  expect(estimated([11n], rates)).toEqual({ packets: undefined, unknown: 1 });
  expect(estimated([], [])).toEqual({ packets: undefined, unknown: 0 });
  expect(estimated([], rates)).toEqual({ packets: 0n, unknown: 0 });
});

test('where two rates are said for one time, it is not known which', () => {
  const twice = [...rates, { from: 5n, to: 15n, rate: 16 }];
  expect(estimated([4n, 6n, 11n, 13n], twice)).toEqual({ packets: 33n, unknown: 1 });
});

test('the rates are asked packet by packet, or for all at once, alike', () => {
  const span = fc.record({ from: fc.nat(30), length: fc.nat(30), power: fc.nat(3) });
  fc.assert(
    fc.property(fc.array(fc.nat(40), { maxLength: 6 }), fc.array(span, { maxLength: 4 }), (list, spans) => {
      const times = list.toSorted((a, b) => a - b).map(BigInt);
      const known = spans.map(({ from, length, power }) => ({
        from: BigInt(from),
        to: BigInt(from + length),
        rate: 2 ** power,
      }));
      const told = times.map(
        (time) => new Set(known.filter((one) => time > one.from && time <= one.to).map((one) => one.rate)),
      );
      const sure = told.filter((set) => set.size === 1).flatMap((set) => [...set]);
      const nothing = sure.length === 0 && (times.length > 0 || known.length === 0);
      expect(estimated(times, known)).toEqual({
        packets: nothing ? undefined : BigInt(sure.reduce((sum, rate) => sum + rate, 0)),
        unknown: times.length - sure.length,
      });
    }),
    { numRuns: 500 },
  );
});
