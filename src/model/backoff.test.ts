import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { backoffMs } from './backoff.ts';

test('doubles up to the cap, in the upper half of it', () => {
  const waits = [1, 2, 3, 4, 5, 6].map((failures) => backoffMs({ base_ms: 100, cap_ms: 1000 }, failures, 1));
  expect(waits).toEqual([100, 200, 400, 800, 1000, 1000]);
  expect(backoffMs({ base_ms: 100, cap_ms: 1000 }, 2, 0)).toBe(100);
});

test('stays within half the cap and the cap, for ever', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 9, max: 1_000_000 }),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      (failures, random) => {
        const wait = backoffMs({ base_ms: 200, cap_ms: 30_000 }, failures, random);
        expect(wait).toBeGreaterThanOrEqual(15_000);
        expect(wait).toBeLessThanOrEqual(30_000);
      },
    ),
  );
});
