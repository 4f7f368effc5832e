import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { coveredShare, coveredTime } from './covered_time.ts';

const stretch = fc
  .tuple(fc.integer({ min: -20, max: 60 }), fc.integer({ min: 0, max: 30 }))
  .map(([from, length]) => ({ from: BigInt(from), to: BigInt(from + length) }));

test('it is every moment that is in no gap', () => {
  fc.assert(
    fc.property(stretch, fc.array(stretch, { maxLength: 6 }), (window, gaps) => {
      let moments = 0n;
      for (let at = window.from + 1n; at <= window.to; at++) {
        if (!gaps.some((gap) => at > gap.from && at <= gap.to)) moments++;
      }
      expect(coveredTime(window, gaps)).toBe(moments);
    }),
  );
});

test.each([
  ['whole', []],
  ['whole', [{ from: 20n, to: 30n }]],
  ['part', [{ from: 9n, to: 10n }]],
  [
    'nothing',
    [
      { from: 0n, to: 4n },
      { from: 3n, to: 30n },
    ],
  ],
])('%s', (word, gaps) => {
  expect(coveredShare({ from: 0n, to: 10n }, gaps)).toBe(word);
});
