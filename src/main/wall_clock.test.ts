import { describe, expect, test } from 'vitest';
import { createWallClock, wallClock } from './wall_clock.ts';

const ms = 1_000_000n;

describe('createWallClock', () => {
  test('counts microseconds between the milliseconds of the wall clock', () => {
    let [wall, mono] = [1000, 5_000_000_000n];
    const clock = createWallClock(
      () => wall,
      () => mono,
    );
    expect(clock.now()).toBe(1000n * ms);
    mono += 123_456n;
    expect(clock.now()).toBe(1000n * ms + 123_000n);
    [wall, mono] = [1001, mono + 900_000n];
    expect(clock.now()).toBe(1001n * ms + 23_000n);
  });

  test('follows the wall clock when that is set, forwards and backwards', () => {
    let [wall, mono] = [1000, 0n];
    const clock = createWallClock(
      () => wall,
      () => mono,
    );
    clock.now();
    [wall, mono] = [90_000, 10n * ms];
    expect(clock.now()).toBe(90_000n * ms);
    [wall, mono] = [500, 20n * ms];
    expect(clock.now()).toBe(500n * ms);
  });

  test('does not go back where the thread loses the processor between its two clocks', () => {
    let mono = 0n;
    /** Nanoseconds that pass between the reading of the one clock and of the other. */
    const lost = [0n, 7n * ms, 30n * ms, 0n];
    const clock = createWallClock(
      () => Number(mono / ms),
      () => (mono += (lost.shift() ?? 0n) + 1000n),
    );
    expect([clock.now(), clock.now(), clock.now()]).toEqual([0n, 37n * ms + 3000n, 37n * ms + 4000n]);
  });

  test("is the host's, and never goes back by itself", () => {
    let before = wallClock.now();
    expect(before - BigInt(Date.now()) * ms).toBeLessThan(50n * ms);
    for (let count = 0; count < 10_000; count += 1) {
      const now = wallClock.now();
      expect(now).toBeGreaterThanOrEqual(before);
      before = now;
    }
  });
});
