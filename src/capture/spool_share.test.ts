import { assert, array, constantFrom, integer, property, tuple } from 'fast-check';
import { expect, test } from 'vitest';
import { SpoolBudget } from './spool_budget.ts';
import { SpoolShare } from './spool_share.ts';

test('an account has three quarters of what is its own or free, and there is room for the next', () => {
  const budget = new SpoolBudget(1000, 75);
  const [one, other] = [new SpoolShare(budget), new SpoolShare(budget)];
  expect([one.reserve(10_000), one.reserve(1)]).toEqual([750, 0]);
  expect(one.fullFault()).toMatchObject({ name: 'spool_share_full', code: 1860 });
  expect(other.reserve(100)).toBe(100);
  // The one has to give back before it gets any more.
  one.release(200);
  expect([one.reserve(1000) > 0, one.used_percent <= 75]).toEqual([true, true]);
  expect([one.used_bytes + other.used_bytes, budget.used_bytes]).toEqual([budget.used_bytes, budget.used_bytes]);
});

test('with 100 an account may have all of it', () => {
  const budget = new SpoolBudget(1000, 100);
  const share = new SpoolShare(budget);
  expect([share.reserve(2000), budget.used_bytes]).toEqual([1000, 1000]);
  expect(share.fullFault()).toMatchObject({ name: 'spool_full' });
});

test('what is there already counts, also above what it may have', () => {
  const budget = new SpoolBudget(1000, 75);
  const share = new SpoolShare(budget);
  share.occupy(900);
  expect([share.reserve(1), budget.used_bytes]).toEqual([0, 900]);
  expect(new SpoolShare(budget).reserve(1000)).toBe(75);
});

test('whatever others do, an account that has nothing gets its share of what is free, and something always is', () => {
  const step = tuple(constantFrom(0, 1, 2), constantFrom('reserve', 'release'), integer({ min: 1, max: 5000 }));
  assert(
    property(array(step), integer({ min: 1, max: 99 }), (steps, percent) => {
      const budget = new SpoolBudget(10_000, percent);
      const shares = [0, 1, 2].map(() => new SpoolShare(budget));
      for (const [who, what, bytes] of steps) {
        const share = shares[who];
        if (what === 'reserve') share?.reserve(bytes);
        else share?.release(Math.min(bytes, share.used_bytes));
      }
      const free = 10_000 - budget.used_bytes;
      const sum = shares.reduce((all, one) => all + one.used_bytes, 0);
      return (
        sum === budget.used_bytes &&
        free > 0 &&
        new SpoolShare(budget).reserve(free) === Math.floor((free * percent) / 100)
      );
    }),
  );
});
