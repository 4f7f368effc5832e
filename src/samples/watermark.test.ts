import { expect, test } from 'vitest';
import { Watermark } from './watermark.ts';

const second = 1_000_000_000n;

test('it runs forward only', () => {
  const mark = new Watermark(100n, 0n, 0n);
  mark.reach(150n);
  mark.reach(120n);
  expect(mark.time).toBe(150n);
});

test('a clock that drifts is no step, however long it takes', () => {
  const mark = new Watermark(0n, 0n, 0n);
  for (let round = 1n; round <= 1000n; round++) {
    // 1 % fast: ten seconds after 1000 seconds.
    expect(mark.stepped((round * second * 101n) / 100n, round * second, 7n)).toBe(false);
  }
  expect(mark.time).toBe(0n);
});

test.each([
  ['forwards', 3600n * second],
  ['backwards', -3600n * second],
])('it goes on from where a clock is set, %s', (_, step) => {
  const mark = new Watermark(10_000n * second, 10_000n * second, 50n * second);
  expect(mark.stepped(10_001n * second, 51n * second, 1n)).toBe(false);
  expect(mark.stepped(10_002n * second + step, 52n * second, 10_002n * second + step)).toBe(true);
  expect(mark.time).toBe(10_002n * second + step);
  expect(mark.stepped(10_003n * second + step, 53n * second, 1n)).toBe(false);
  mark.reach(10_002n * second + step + 1n);
  expect(mark.time).toBe(10_002n * second + step + 1n);
});
