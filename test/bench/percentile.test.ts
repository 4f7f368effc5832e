import { expect, test } from 'vitest';
import { percentile } from '../../bench/support/percentile.ts';

test('is one of the values: the least that so many do not exceed', () => {
  const values = [5, 1, 4, 2, 3];
  expect([0, 0.2, 0.21, 0.5, 0.95, 1].map((share) => percentile(values, share))).toEqual([1, 1, 2, 3, 5, 5]);
  expect(percentile([7], 0.99)).toBe(7);
  expect(() => percentile([], 0.5)).toThrow(RangeError);
});
