import { expect, test } from 'vitest';
import { realTime } from './real_time.ts';

test('is the time that JavaScript knows too, and finer', () => {
  const before = BigInt(Date.now()) * 1_000_000n;
  const times = Array.from({ length: 1000 }, () => realTime());
  const after = BigInt(Date.now() + 1) * 1_000_000n;
  expect(times.every((time) => time >= before && time <= after)).toBe(true);
  expect(times).toEqual(times.toSorted((a, b) => (a < b ? -1 : Number(a > b))));
  expect(new Set(times.map((time) => time % 1_000_000n)).size).toBeGreaterThan(100);
});
