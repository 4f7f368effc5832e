import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LossTracker } from './loss_tracker.ts';

const ms = 1_000_000n;

/** Records without packet bytes, with these times in milliseconds. */
function records(times_ms: readonly number[]): DataView {
  const view = new DataView(new ArrayBuffer(16 * times_ms.length));
  for (const [index, time] of times_ms.entries()) {
    view.setUint32(16 * index, Math.floor(time / 1000), true);
    view.setUint32(16 * index + 4, (time % 1000) * 1e6, true);
  }
  return view;
}

test('a loss lies behind all that the ring held when it was counted', () => {
  const tracker = new LossTracker(0n);
  tracker.count({ entered: 0n, dropped: 0n }, 100n * ms);
  // Nobody reads for 5 s: the ring takes 10 packets, then 7 are lost.
  tracker.count({ entered: 10n, dropped: 7n }, 5000n * ms);
  expect(tracker.take()).toEqual([]);
  tracker.read(records([110, 120, 130, 140]), 4);
  expect(tracker.take()).toEqual([]);
  tracker.read(records([150, 160, 170, 180, 190, 2000, 5100]), 7);
  expect(tracker.take()).toEqual([{ from: 1998n * ms, to: 5000n * ms, packets: 7n }]);
  tracker.count({ entered: 11n, dropped: 7n }, 5200n * ms);
  expect(tracker.takeAll()).toEqual([]);
});

test('asked for the last time, it tells what it knows', () => {
  const tracker = new LossTracker(0n);
  tracker.count({ entered: 2n, dropped: 0n }, 100n * ms);
  tracker.count({ entered: 10n, dropped: 3n }, 200n * ms);
  expect(tracker.take()).toEqual([]);
  expect(tracker.takeAll()).toEqual([{ from: 98n * ms, to: 200n * ms, packets: 3n }]);
});

describe('a ring that is read now and then', () => {
  // The oracle: a ring of so many places, and the times of the packets that found none.
  const steps = fc.array(fc.record({ come: fc.nat(12), wait_ms: fc.integer({ min: 1, max: 400 }), read: fc.nat(9) }), {
    minLength: 1,
    maxLength: 60,
  });

  test('tells spans that hold every loss, and count each once', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), steps, (places, turns) => {
        const tracker = new LossTracker(0n);
        const [ring, lost]: [number[], number[]] = [[], []];
        let [clock, entered, dropped] = [1, 0n, 0n];
        const spans = [];
        for (const { come, wait_ms, read } of turns) {
          for (let packet = 0; packet < come; packet += 1) {
            clock += Math.ceil(wait_ms / 12);
            if (ring.length < places) [entered] = [entered + 1n, ring.push(clock)];
            else [dropped] = [dropped + 1n, lost.push(clock)];
          }
          clock += 1;
          tracker.count({ entered, dropped }, BigInt(clock) * ms);
          const out = ring.splice(0, read);
          tracker.read(records(out), out.length);
          // What comes while it is being read.
          clock += 1;
          if (ring.length < places) [entered] = [entered + 1n, ring.push(clock)];
          spans.push(...tracker.take());
        }
        tracker.count({ entered, dropped }, BigInt(clock + 1) * ms);
        spans.push(...tracker.takeAll());
        expect(spans.reduce((sum, { packets }) => sum + packets, 0n)).toBe(BigInt(lost.length));
        for (const time of lost) {
          const at = BigInt(time) * ms;
          expect(spans.some(({ from, to }) => at > from && at <= to)).toBe(true);
        }
        // Each has room for all that it counts.
        for (const { from, to, packets } of spans) {
          const inside = lost.filter((time) => BigInt(time) * ms > from && BigInt(time) * ms <= to).length;
          expect(BigInt(inside)).toBeGreaterThanOrEqual(packets);
        }
      }),
      { numRuns: 500 },
    );
  });
});
