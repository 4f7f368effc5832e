import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { adaptRate, fresh_rate_state, type RateState } from './adapt_rate.ts';
import { runs } from './test_packets.ts';

/** One look of a simulated sampler. */
interface Look {
  readonly at_s: number;
  readonly load_pps: number;
  /** The rate of the time before, and what was decided. */
  readonly rate: number;
  readonly next: number;
}

interface Simulated {
  readonly budget_pps: number;
  /** Packets per second on the interface, at a moment. */
  readonly load: (at_s: number) => number;
  readonly until_s: number;
  /** Of packets that passed the sampling, those dropped in an interval. */
  readonly drops?: (accepted: number, at_s: number, interval_s: number) => number;
  /** 0 to 1: without it the loads are even, down to parts of packets. */
  readonly random?: () => number;
  readonly interval_s?: (index: number) => number;
}

function simulate({ budget_pps, load, until_s, drops, random, interval_s = () => 0.2 }: Simulated): Look[] {
  let state: RateState = fresh_rate_state;
  let [rate, at_s] = [1, 0];
  const looks: Look[] = [];
  for (let index = 0; at_s < until_s; index++) {
    const interval = interval_s(index);
    const load_pps = load(at_s + interval / 2);
    const expected = (load_pps * interval) / rate;
    const accepted = random === undefined ? expected : poisson(expected, random);
    at_s += interval;
    const dropped = drops?.(accepted, at_s, interval) ?? 0;
    const decided = adaptRate(state, { accepted, dropped, interval_s: interval, rate, budget_pps });
    looks.push({ at_s, load_pps, rate, next: decided.rate });
    ({ state, rate } = decided);
  }
  return looks;
}

/** A number of independent arrivals of which `mean` are expected. */
function poisson(mean: number, random: () => number): number {
  if (mean > 200) {
    const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    return Math.max(0, Math.round(mean + Math.sqrt(mean) * normal));
  }
  let count = 0;
  for (let left = Math.exp(-mean), product = random(); product > left; product *= random()) count++;
  return count;
}

/** Numbers that look random and come again. */
function randomFrom(seed: number): () => number {
  let word = seed;
  return () => {
    word = (word + 0x6d2b79f5) | 0;
    let mixed = Math.imul(word ^ (word >>> 15), 1 | word);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const changesIn = (looks: readonly Look[]): Look[] => looks.filter(({ rate, next }) => rate !== next);

/** How often the sampler looks: at 200 ms mostly, later where it was busy. */
const intervals = fc.array(fc.double({ min: 0.2, max: 0.3, noNaN: true }), { minLength: 20, maxLength: 20 });
const budget = fc.integer({ min: 100, max: 50_000 });
/** Loads in budgets: from nothing over what lies close to a power of two to far beyond. */
const anyLoad = fc.oneof(
  fc.double({ min: 0, max: 4, noNaN: true }),
  fc.double({ min: 0, max: 1000, noNaN: true }),
  fc.tuple(fc.integer({ min: 0, max: 9 }), fc.constantFrom(0.98, 1, 1.02)).map(([power, by]) => by * 2 ** power),
);

describe('a load that changes in steps', () => {
  const step_s = 6;
  const steps = fc.array(anyLoad, { minLength: 1, maxLength: 8 });

  test('is kept within the budget two seconds after each, and at more than a quarter of it; as a whole where that fits', () => {
    fc.assert(
      fc.property(budget, steps, intervals, (budget_pps, loads, lengths) => {
        const load = (at_s: number): number => (loads[Math.floor(at_s / step_s)] ?? loads.at(-1) ?? 0) * budget_pps;
        const interval_s = (index: number): number => lengths[index % lengths.length] ?? 0.2;
        for (const look of simulate({ budget_pps, load, interval_s, until_s: step_s * loads.length })) {
          if (look.at_s % step_s < 2) continue;
          const kept = look.load_pps / look.next;
          expect(Math.log2(look.next) % 1).toBe(0);
          expect(kept).toBeLessThanOrEqual(budget_pps * 1.000001);
          if (look.next > 1) expect(kept).toBeGreaterThan(budget_pps / 4);
          if (look.load_pps <= budget_pps / 2) expect(look.next).toBe(1);
        }
      }),
      runs(300),
    );
  });

  test('a single step, up or down, between any two loads: rate 1 two seconds later where the budget allows it', () => {
    fc.assert(
      fc.property(budget, anyLoad, anyLoad, intervals, (budget_pps, first, second, lengths) => {
        const load = (at_s: number): number => (at_s < step_s ? first : second) * budget_pps;
        const interval_s = (index: number): number => lengths[index % lengths.length] ?? 0.2;
        const looks = simulate({ budget_pps, load, interval_s, until_s: 2 * step_s });
        const settled = looks.filter(({ at_s }) => at_s > step_s + 2);
        if (second <= 1) expect(new Set(settled.map(({ next }) => next))).toEqual(new Set([1]));
        // Having settled it stays.
        expect(changesIn(settled)).toEqual([]);
        expect(changesIn(looks.filter(({ at_s }) => at_s > 2 && at_s < step_s))).toEqual([]);
        // One change for each step is enough, and a second one where the first came when the step was under way.
        expect(changesIn(looks).length).toBeLessThanOrEqual(4);
      }),
      runs(300),
    );
  });
});

test('a ramp is followed with one change for each doubling, and never kept at more than twice the budget', () => {
  fc.assert(
    fc.property(
      budget,
      fc.integer({ min: 4, max: 60 }),
      fc.integer({ min: 1, max: 10 }),
      (budget_pps, s, doublings) => {
        const load = (at_s: number): number => {
          const part = at_s < s ? at_s / s : Math.max(0, 2 - at_s / s);
          return budget_pps * 2 ** (doublings * part) * 0.999;
        };
        const looks = simulate({ budget_pps, load, until_s: 2 * s + 3 });
        // In one second, the time that is looked back at, it grows by so much.
        const growth = 2 ** (doublings / s);
        for (const { load_pps, next } of looks) expect(load_pps / next).toBeLessThanOrEqual(budget_pps * growth);
        expect(changesIn(looks).length).toBeLessThanOrEqual(2 * doublings + 1);
        expect(looks.at(-1)?.next).toBe(1);
      },
    ),
    runs(100),
  );
});

test('a burst of no more than the budget of a second is kept as a whole', () => {
  fc.assert(
    fc.property(budget, fc.double({ min: 0.01, max: 0.9, noNaN: true }), (budget_pps, length_s) => {
      const load = (at_s: number): number => (Math.floor(at_s / length_s) === 7 ? (budget_pps * 0.99) / length_s : 0);
      const looks = simulate({ budget_pps, load, until_s: 10, interval_s: () => length_s });
      expect(Math.max(...looks.map(({ load_pps }) => load_pps))).toBeGreaterThan(budget_pps);
      expect(changesIn(looks)).toEqual([]);
    }),
    runs(100),
  );
});

describe('a rate does not flap', () => {
  /** Ten minutes: the changes in each. */
  const perMinute = (looks: readonly Look[]): number[] =>
    Array.from(
      { length: 10 },
      (_, minute) => changesIn(looks).filter(({ at_s }) => Math.floor(at_s / 60) === minute).length,
    );

  test('around a load that wanders about a power of two', () => {
    const near = fc.double({ min: 0.9, max: 1.1, noNaN: true });
    const period = fc.double({ min: 0.3, max: 40, noNaN: true });
    const swing = fc.double({ min: 0, max: 0.2, noNaN: true });
    const seed = fc.integer();
    fc.assert(
      fc.property(budget, near, swing, period, fc.nat(8), seed, (budget_pps, center, by, period_s, power, from) => {
        const load = (at_s: number): number =>
          budget_pps * 2 ** power * (center + by * Math.sin((2 * Math.PI * at_s) / period_s));
        const counts = perMinute(simulate({ budget_pps, load, until_s: 600, random: randomFrom(from) }));
        expect(Math.max(...counts)).toBeLessThanOrEqual(14);
        expect(counts.reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(40);
      }),
      // Two lulls of chance, of 10 packets in half a second where 22 were to be expected.
      { ...runs(100), examples: [[100, 0.9, 0.10249633605009079, 4.761057447156482, 1, 0]] },
    );
  });

  test('by a lull that may be chance, once it has wandered for long; a fall that stays is followed', () => {
    fc.assert(
      fc.property(fc.integer({ min: 100, max: 300 }), fc.integer({ min: 0, max: 9 }), (budget_pps, fall) => {
        // Up and down until the hold is as long as it gets; then a lull of 1.2 s, and at 260 s a fall.
        const load = (at_s: number): number => {
          const lull = (at_s > 200 && at_s < 201.2) || at_s > 260;
          return budget_pps * 2 ** 4 * (lull ? 0.2 / 2 ** fall : at_s % 20 < 10 ? 0.95 : 1.05);
        };
        const looks = simulate({ budget_pps, load, until_s: 270 });
        const low = looks.filter(({ next }) => next < 16).map(({ at_s }) => at_s);
        expect(low.filter((at_s) => at_s < 260)).toEqual([]);
        expect(low[0]).toBeLessThan(260 + 2 + 400 / budget_pps);
      }),
      runs(50),
    );
  });

  test('with bursts in the middle of nothing: up and down with each, no more', () => {
    fc.assert(
      fc.property(budget, fc.integer({ min: 3, max: 20 }), anyLoad, (budget_pps, period_s, height) => {
        const load = (at_s: number): number => (at_s % period_s < 1 ? height * budget_pps : 0);
        const looks = simulate({ budget_pps, load, until_s: 20 * period_s });
        expect(changesIn(looks).length).toBeLessThanOrEqual(3 * 20);
      }),
      runs(100),
    );
  });
});

describe('drops', () => {
  test('raise the rate at once, and for a while, though the budget would allow more', () => {
    const looks = simulate({
      budget_pps: 10_000,
      load: () => 4000,
      until_s: 120,
      drops: (accepted, at_s) => (at_s > 10 && at_s < 10.3 ? accepted / 10 : 0),
    });
    const changes = changesIn(looks).map(({ at_s, next }) => [Math.round(at_s), next]);
    expect(changes[0]).toEqual([10, 2]);
    expect(changes).toHaveLength(2);
    expect(changes[1]?.[0]).toBeGreaterThan(15);
    expect(looks.at(-1)?.next).toBe(1);
  });

  test('where only so much can be written, that is what is aimed at, and found within two seconds', () => {
    fc.assert(
      fc.property(fc.integer({ min: 50, max: 20_000 }), fc.integer({ min: 0, max: 6 }), (capacity_pps, power) => {
        const looks = simulate({
          budget_pps: 20_000,
          load: (at_s) => (at_s < 3 ? 0 : Math.min(20_000, capacity_pps * 2 ** power)),
          until_s: 20,
          drops: (accepted, _at_s, interval_s) => Math.max(0, Math.floor(accepted - capacity_pps * interval_s)),
        });
        for (const { at_s, load_pps, next } of looks) {
          if (at_s > 5 && at_s < 8) expect(load_pps / next).toBeLessThanOrEqual(capacity_pps * 1.01 + 20);
        }
      }),
      runs(100),
    );
  });

  test('that do not end drive the rate up to the most, and it comes back', () => {
    const looks = simulate({
      budget_pps: 1000,
      load: () => 900,
      until_s: 900,
      drops: (n, at_s) => (at_s < 60 ? n : 0),
    });
    expect(Math.max(...looks.map(({ next }) => next))).toBeGreaterThan(256);
    expect(Math.max(...looks.map(({ next }) => next))).toBeLessThanOrEqual(2 ** 20);
    expect(looks.at(-1)?.next).toBe(1);
  });
});

test('no time at all changes nothing', () => {
  const measure = { accepted: 5, dropped: 5, interval_s: 0, rate: 8, budget_pps: 1 };
  expect(adaptRate(fresh_rate_state, measure)).toEqual({ state: fresh_rate_state, rate: 8 });
});
