import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RingBudget, type RingGrant } from '../model/ring_budget.ts';
import { captureRings } from './capture_rings.ts';

const MiB = 1 << 20;
const most_bytes = 64 * MiB;

/** What a grant may take at most: its ring, and memories of 1 MiB and a batch. */
function bytesOf({ ring_bytes, memories }: RingGrant): number {
  return ring_bytes + memories * 1.25 * MiB;
}

describe('the memory of rings', () => {
  test('one capture has the largest ring, and so has the eighth of eight', () => {
    const budget = new RingBudget(1536 * MiB, captureRings);
    for (let count = 0; count < 8; count += 1) {
      expect(budget.take({ most_bytes, share: 1 })).toEqual({ ring_bytes: most_bytes, memories: 8 });
    }
  });

  test('is never overdrawn, and has room for as many rings as it says, in whatever order they come and go', () => {
    const steps = fc.array(fc.record({ share: fc.double({ min: 0, max: 1, noNaN: true }), back: fc.nat() }), {
      maxLength: 300,
    });
    fc.assert(
      fc.property(fc.integer({ min: 16, max: 4096 }), steps, (limit_MiB, all) => {
        const budget = new RingBudget(limit_MiB * MiB, captureRings);
        const held: RingGrant[] = [];
        for (const { share, back } of all) {
          const grant = budget.take({ most_bytes, share });
          expect(grant === undefined).toBe(held.length === budget.rings_max);
          if (grant === undefined) {
            const [gone] = held.splice(back % held.length, 1);
            if (gone !== undefined) budget.giveBack(gone);
          } else held.push(grant);
          expect(held.reduce((sum, one) => sum + bytesOf(one), 0)).toBeLessThanOrEqual(limit_MiB * MiB);
        }
        for (const one of held) budget.giveBack(one);
        expect(budget.rings).toBe(0);
        expect(budget.take({ most_bytes, share: 1 })).toEqual(
          new RingBudget(limit_MiB * MiB, captureRings).take({ most_bytes, share: 1 }),
        );
      }),
    );
  });

  test('the default one has 50 rings for 10 captures on 5 interfaces, and 80 for one on 80', () => {
    for (const [rings, share] of [
      [50, 0.2],
      [80, 1 / 80],
    ] as const) {
      const budget = new RingBudget(768 * MiB, captureRings);
      for (let ring = 0; ring < rings; ring += 1) {
        expect(budget.take({ most_bytes, share })?.ring_bytes).toBeGreaterThanOrEqual(2 * MiB);
      }
    }
  });

  test('where the traffic is, the ring is larger', () => {
    const budget = new RingBudget(768 * MiB, captureRings);
    const quiet = Array.from({ length: 79 }, () => budget.take({ most_bytes, share: 0.001 })?.ring_bytes ?? 0);
    const busy = budget.take({ most_bytes, share: 0.92 })?.ring_bytes ?? 0;
    expect(Math.max(...quiet)).toBeLessThan(4 * MiB);
    expect(busy).toBeGreaterThan(40 * MiB);
  });

  test('one account has its hundredths of all of it at most, and the next one larger rings than the least', () => {
    const limit = 512 * MiB;
    const budget = new RingBudget(limit, captureRings, 75);
    const least = { ring_bytes: 2 * MiB, memories: 2 };
    const theirs: RingGrant[] = [];
    // What control lets one account have: so many hundredths of the rings.
    for (let ring = 0; ring < Math.floor(budget.rings_max * 0.75); ring += 1) {
      const grant = budget.take({ most_bytes, share: 1, owner: 'attacker' });
      if (grant !== undefined) theirs.push(grant);
    }
    expect(theirs.reduce((sum, one) => sum + bytesOf(one), 0)).toBeLessThanOrEqual(0.75 * limit);
    expect(theirs.at(-1)).toEqual(least);
    expect(budget.take({ most_bytes, share: 1, owner: 'victim' })?.ring_bytes).toBeGreaterThan(8 * MiB);
    for (const one of theirs) budget.giveBack(one);
    expect(budget.take({ most_bytes, share: 1, owner: 'attacker' })?.ring_bytes).toBe(most_bytes);
  });

  test('what one owner has is never beyond its share, in whatever order rings come and go', () => {
    const step = fc.record({ owner: fc.constantFrom('a', 'b', 'c'), back: fc.nat(), gives: fc.boolean() });
    fc.assert(
      fc.property(
        fc.integer({ min: 16, max: 2048 }),
        fc.integer({ min: 1, max: 100 }),
        fc.array(step),
        (limit_MiB, percent, steps) => {
          const budget = new RingBudget(limit_MiB * MiB, captureRings, percent);
          const least_bytes = bytesOf({ ring_bytes: 2 * MiB, memories: 2 });
          const extra_bytes = limit_MiB * MiB - budget.rings_max * least_bytes;
          const held: { readonly owner: string; readonly grant: RingGrant }[] = [];
          for (const { owner, back, gives } of steps) {
            const [gone] = gives ? held.splice(back % Math.max(1, held.length), 1) : [];
            if (gone !== undefined) budget.giveBack(gone.grant);
            const grant = gives ? undefined : budget.take({ most_bytes, share: 1, owner });
            if (grant !== undefined) held.push({ owner, grant });
            for (const each of ['a', 'b', 'c']) {
              const own = held.filter((one) => one.owner === each);
              const more = own.reduce((sum, one) => sum + Math.max(0, bytesOf(one.grant) - least_bytes), 0);
              expect(more).toBeLessThanOrEqual((extra_bytes * percent) / 100);
            }
          }
        },
      ),
    );
  });

  test('what is given back twice counts once', () => {
    const budget = new RingBudget(32 * MiB, captureRings);
    const one = budget.take({ most_bytes, share: 1 });
    if (one === undefined) throw new Error('there is room for one');
    budget.giveBack(one);
    budget.giveBack(one);
    expect(budget.take({ most_bytes, share: 1 })).toEqual(one);
  });
});
