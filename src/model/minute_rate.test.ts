import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { MinuteRate } from './minute_rate.ts';

test('no owner is let through more often than the limit in any minute, and none is refused for another', () => {
  const asks = fc.array(fc.record({ owner: fc.constantFrom('a', 'b'), after_ms: fc.nat(20_000) }), { maxLength: 60 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 4 }), asks, (limit, all) => {
      const rate = new MinuteRate(limit);
      const let_through: { readonly owner: string; readonly at: number }[] = [];
      let now = 0;
      for (const { owner, after_ms } of all) {
        now += after_ms;
        const before = let_through.filter((one) => one.owner === owner && one.at > now - 60_000).length;
        const may = rate.take(owner, now);
        expect(may).toBe(before < limit);
        if (may) let_through.push({ owner, at: now });
        const counts = ['a', 'b'].map(
          (name) => let_through.filter((one) => one.owner === name && one.at > now - 60_000).length,
        );
        expect(rate.most(now)).toBe(Math.max(...counts));
      }
    }),
  );
});
