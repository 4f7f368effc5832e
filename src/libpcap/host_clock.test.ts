import { expect, test } from 'vitest';
import { FaultError } from '../model/errors/fault.ts';
import { loadLibpcap } from './binding.ts';
import { readHostClock } from './host_clock.ts';

test('is the wall clock that Node has, in nanoseconds', () => {
  for (let count = 0; count < 200; count += 1) {
    const before = BigInt(Date.now()) * 1_000_000n;
    const { wall } = readHostClock();
    const after = BigInt(Date.now() + 1) * 1_000_000n;
    expect(wall).toBeGreaterThanOrEqual(before);
    expect(wall).toBeLessThan(after);
  }
  const parts = new Set(Array.from({ length: 50 }, () => readHostClock().wall % 1_000_000n));
  expect(parts.size).toBeGreaterThan(25);
});

test('the offset to the monotonic clock stays, and does not depend on how long reading took', async () => {
  const { offset } = readHostClock();
  await new Promise((resolve) => setTimeout(resolve, 50));
  const moved = readHostClock().offset - offset;
  expect(moved < 0n ? -moved : moved).toBeLessThan(5_000_000n);
});

test('a clock that cannot be read is a fault', () => {
  const native = loadLibpcap();
  const libc = { ...native.libc, clock_gettime: () => -1 };
  expect(() => readHostClock({ ...native, libc })).toThrow(FaultError);
});
