import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { countToEvict } from './retention.ts';
import { runs } from './test_packets.ts';

const segment = fc.record({
  disk_bytes: fc.integer({ min: 1, max: 100 }),
  sealed_monotonic: fc.integer({ min: -1000, max: 1000 }).map(BigInt),
});

test('it evicts as many as it must and no more', () => {
  fc.assert(
    fc.property(
      fc.array(segment, { maxLength: 20 }),
      fc.nat(300),
      fc.integer({ min: 0, max: 2000 }).map(BigInt),
      fc.record({ age_limit_ns: fc.integer({ min: 0, max: 2000 }).map(BigInt), byte_budget: fc.nat(1000) }),
      (list, open_bytes, now, limits) => {
        const sealed = list.toSorted((a, b) => Number(a.sealed_monotonic - b.sealed_monotonic));
        const bytes = (from: number): number =>
          sealed.slice(from).reduce((sum, { disk_bytes }) => sum + disk_bytes, open_bytes);
        const count = countToEvict(sealed, bytes(0), now, limits);
        const isRight = (kept_from: number): boolean =>
          sealed.slice(kept_from).every((one) => now - one.sealed_monotonic <= limits.age_limit_ns) &&
          (bytes(kept_from) <= limits.byte_budget || kept_from === sealed.length);
        expect(isRight(count)).toBe(true);
        if (count > 0) expect(isRight(count - 1)).toBe(false);
      },
    ),
    runs(500),
  );
});
