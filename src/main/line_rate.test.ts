import { expect, test } from 'vitest';
import { LineRate } from './line_rate.ts';

test('so many of a kind in 10 s, and then how many were left out', () => {
  let now = 0;
  const rate = new LineRate(2, () => now);
  expect(['a', 'a', 'a', 'a', 'b'].map((kind) => rate.take(kind).write)).toEqual([true, true, false, false, true]);
  now = 9999;
  expect(rate.take('a')).toEqual({ write: false, left_out: 0 });
  now = 10_000;
  expect(rate.take('a')).toEqual({ write: true, left_out: 3 });
  expect(rate.take('a')).toEqual({ write: true, left_out: 0 });
});
