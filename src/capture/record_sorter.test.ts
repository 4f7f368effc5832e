import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { runs } from '../../test/support/packet_tools.ts';
import { ByteRuns } from './byte_runs.ts';
import { type RecordLimits, RecordSorter } from './record_sorter.ts';

const origin_s = 1_700_000_000;
const none: RecordLimits = { packets: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY };

interface Arrival {
  /** Nanoseconds since `origin_s`. */
  readonly time: number;
  readonly length: number;
}

/** Records one after the other in one memory, each filled with its number. */
function layOut(arrivals: readonly Arrival[]): {
  readonly view: DataView;
  readonly starts: number[];
  readonly end: number;
} {
  const end = arrivals.reduce((sum, { length }) => sum + 16 + length, 0);
  const view = new DataView(new ArrayBuffer(end));
  const starts: number[] = [];
  let at = 0;
  for (const { time, length } of arrivals) {
    starts.push(at);
    view.setUint32(at, origin_s + Math.floor(time / 1e9), true);
    view.setUint32(at + 4, time - Math.floor(time / 1e9) * 1e9, true);
    view.setUint32(at + 8, length, true);
    view.setUint32(at + 12, length, true);
    at += 16 + length;
  }
  return { view, starts, end };
}

function sorterOf(limits: RecordLimits = none): RecordSorter {
  return new RecordSorter({ limits, nanosecond: true, memories_max: 4 });
}

/** Numbers of the arrivals in the runs, in their order. */
function numbersIn(runs: ByteRuns, starts: readonly number[], end: number): number[] {
  const numbers: number[] = [];
  for (let run = 0; run < runs.count; run += 1) {
    for (let at = runs.starts[run] ?? 0; at < (runs.ends[run] ?? 0); ) {
      const number = starts.indexOf(at);
      numbers.push(number);
      at = starts[number + 1] ?? end;
    }
  }
  return numbers;
}

/** Feeds arrivals in batches, taking what is `hold` older than the newest after each, and everything at the end. */
function sortThem(
  arrivals: readonly Arrival[],
  options: { readonly limits?: RecordLimits; readonly hold: number; readonly batch: number; readonly enough?: number },
): { readonly order: number[]; readonly sorter: RecordSorter } {
  const { view, starts, end } = layOut(arrivals);
  const sorter = sorterOf(options.limits);
  const taken = new ByteRuns();
  for (let first = 0; first < arrivals.length; first += options.batch) {
    const next = Math.min(arrivals.length, first + options.batch);
    expect(sorter.add(1, view, starts[first] ?? 0, starts[next] ?? end, next - first)).toBe(true);
    sorter.take(sorter.newest - options.hold, taken, options.enough);
  }
  sorter.take(Number.POSITIVE_INFINITY, taken);
  expect(sorter.waiting).toBe(0);
  expect([...sorter.waitingIn]).toEqual([0, 0, 0, 0]);
  return { order: numbersIn(taken, starts, end), sorter };
}

const arrivalsOf = (times: fc.Arbitrary<number>): fc.Arbitrary<Arrival[]> =>
  fc.array(fc.record({ time: times, length: fc.integer({ min: 1, max: 60 }) }), { minLength: 1, maxLength: 120 });
const anyArrivals = arrivalsOf(fc.integer({ min: 0, max: 40 }).map((step) => step * 100_000_000));
const batches = fc.integer({ min: 1, max: 20 });

/** The numbers in the order of time; equal times in the order of arrival. */
function stable(arrivals: readonly Arrival[]): number[] {
  return arrivals
    .map((_, number) => number)
    .sort((a, b) => (arrivals[a]?.time ?? 0) - (arrivals[b]?.time ?? 0) || a - b);
}

describe('records go out', () => {
  test('in the order of their times, stably, when everything is held', () => {
    fc.assert(
      fc.property(anyArrivals, batches, (arrivals, batch) => {
        const { order, sorter } = sortThem(arrivals, { hold: Number.POSITIVE_INFINITY, batch });
        expect(order).toEqual(stable(arrivals));
        expect(sorter.unordered).toBe(false);
      }),
      { numRuns: runs(100) },
    );
  });

  test('in order whenever none is later than the hold-back', () => {
    const jitter = fc.array(fc.integer({ min: 0, max: 1000 }), { minLength: 1, maxLength: 300 });
    fc.assert(
      fc.property(jitter, batches, fc.integer({ min: 16, max: 500 }), (late, batch, enough) => {
        // Each is up to 1,000 behind the one that was stamped last.
        const arrivals = late.map((behind, index) => ({ time: 5000 + index * 97 - behind, length: 20 }));
        const { order, sorter } = sortThem(arrivals, { hold: 1000, batch, enough });
        expect(order).toEqual(stable(arrivals));
        expect(sorter.unordered).toBe(false);
      }),
      { numRuns: runs(100) },
    );
  });

  test('each exactly once, whatever comes; out of order only if that is said', () => {
    fc.assert(
      fc.property(anyArrivals, batches, fc.integer({ min: 0, max: 3_000_000_000 }), (arrivals, batch, hold) => {
        const { order, sorter } = sortThem(arrivals, { hold, batch });
        expect(order.toSorted((a, b) => a - b)).toEqual(arrivals.map((_, number) => number));
        const times = order.map((number) => arrivals[number]?.time ?? 0);
        expect(sorter.unordered).toBe(times.some((time, index) => time < (times[index - 1] ?? 0)));
        expect(sorter.taken).toBe(arrivals.length);
        expect(sorter.taken_bytes).toBe(arrivals.reduce((sum, { length }) => sum + length, 0));
        const all = arrivals.map(({ time }) => time);
        expect(sorter.first).toEqual(timeOf(Math.min(...all)));
        expect(sorter.last).toEqual(timeOf(Math.max(...all)));
      }),
      { numRuns: runs(100) },
    );
  });

  test('marked as unordered where their times are too far apart to compare exactly', () => {
    const year = 365 * 86_400 * 1e9;
    const { order, sorter } = sortThem(
      [
        { time: 0, length: 1 },
        { time: year, length: 1 },
        { time: 1, length: 1 },
      ],
      { hold: 1e6, batch: 1 },
    );
    expect(order).toEqual([0, 2, 1]);
    expect(sorter.unordered).toBe(true);
    // The clock went back by more than a double can tell apart.
    expect(
      sortThem(
        [
          { time: 0, length: 1 },
          { time: -year, length: 1 },
        ],
        { hold: year * 2, batch: 1 },
      ).sorter.unordered,
    ).toBe(true);
  });
});

function timeOf(time: number): { seconds: number; nanos: number } {
  const seconds = Math.floor(time / 1e9);
  return { seconds: origin_s + seconds, nanos: time - seconds * 1e9 };
}

describe('limits', () => {
  test('keep the longest time-ordered prefix, exactly', () => {
    const limitsOf = fc.record({ packets: fc.integer({ min: 1, max: 130 }), bytes: fc.integer({ min: 1, max: 4000 }) });
    fc.assert(
      fc.property(anyArrivals, batches, limitsOf, (arrivals, batch, limits) => {
        const { order, sorter } = sortThem(arrivals, { limits, hold: Number.POSITIVE_INFINITY, batch });
        const kept: number[] = [];
        let bytes = 0;
        for (const number of stable(arrivals)) {
          const length = arrivals[number]?.length ?? 0;
          if (kept.length === limits.packets || bytes + length > limits.bytes) break;
          kept.push(number);
          bytes += length;
        }
        expect(order).toEqual(kept);
        expect(sorter.beyond).toBe(arrivals.length - kept.length);
        expect(sorter.full).toBe(
          kept.length < arrivals.length || kept.length === limits.packets || bytes === limits.bytes,
        );
      }),
      { numRuns: runs(100) },
    );
  });

  test('also of what went out before they were reached', () => {
    fc.assert(
      fc.property(anyArrivals, batches, fc.integer({ min: 1, max: 130 }), (arrivals, batch, packets) => {
        const limits = { ...none, packets };
        const { order, sorter } = sortThem(arrivals, { limits, hold: 500_000_000, batch });
        expect(order).toHaveLength(Math.min(packets, arrivals.length));
        expect(sorter.taken + sorter.beyond).toBe(arrivals.length);
      }),
      { numRuns: runs(100) },
    );
  });

  test('a small packet after the first that is too big is left out as well', () => {
    const lengths = [40, 50, 60, 1];
    const arrivals = lengths.map((length, time) => ({ time, length }));
    const { order, sorter } = sortThem(arrivals, { limits: { ...none, bytes: 100 }, hold: 100, batch: 1 });
    expect(order).toEqual([0, 1]);
    expect([sorter.beyond, sorter.full, sorter.fullOf]).toEqual([2, true, 'byte_limit']);
  });

  test('say which of them it is', () => {
    const arrivals = [1, 2, 3].map((time) => ({ time, length: 10 }));
    const of = (limits: RecordLimits): string => sortThem(arrivals, { limits, hold: 0, batch: 3 }).sorter.fullOf;
    expect(of({ packets: 3, bytes: 1000 })).toBe('packet_limit');
    expect(of({ packets: 4, bytes: 30 })).toBe('byte_limit');
  });
});

describe('what is from before a moment', () => {
  const leaving = (arrivals: readonly Arrival[], limits: RecordLimits, moment: number, batch: number) => {
    const { view, starts, end } = layOut(arrivals);
    const sorter = sorterOf(limits);
    sorter.leaveOutBefore(timeOf(moment));
    for (let first = 0; first < arrivals.length; first += batch) {
      const next = Math.min(arrivals.length, first + batch);
      expect(sorter.add(1, view, starts[first] ?? 0, starts[next] ?? end, next - first)).toBe(true);
    }
    const taken = new ByteRuns();
    sorter.take(Number.POSITIVE_INFINITY, taken);
    expect([...sorter.waitingIn]).toEqual([0, 0, 0, 0]);
    return { order: numbersIn(taken, starts, end), sorter };
  };

  test('is left out before the limits count, to the nanosecond, and counted apart', () => {
    const times = fc.integer({ min: 2_000_000_000 - 5, max: 2_000_000_000 + 5 });
    const moments = fc.integer({ min: 2_000_000_000 - 7, max: 2_000_000_000 + 7 });
    const packets = fc.integer({ min: 1, max: 130 });
    fc.assert(
      fc.property(arrivalsOf(times), batches, moments, packets, (arrivals, batch, moment, limit) => {
        const { order, sorter } = leaving(arrivals, { ...none, packets: limit }, moment, batch);
        const present = stable(arrivals).filter((number) => (arrivals[number]?.time ?? 0) >= moment);
        expect(order).toEqual(present.slice(0, limit));
        expect(sorter.earlier).toBe(arrivals.length - present.length);
        expect(sorter.taken + sorter.beyond + sorter.earlier).toBe(arrivals.length);
      }),
      { numRuns: runs(200) },
    );
  });

  test('is kept again once a packet of 100 ms later has come, or when it is said: the clock was set back', () => {
    const at = (ms: number): Arrival => ({ time: 5_000_000_000 + ms * 1e6, length: 9 });
    expect(leaving([at(-1), at(0), at(100), at(-1), at(101), at(-1000)], none, 5e9, 1).order).toEqual([5, 1, 2, 4]);
    const { view, end } = layOut([at(-1)]);
    const sorter = sorterOf();
    sorter.leaveOutBefore(timeOf(5e9));
    sorter.add(0, view, 0, end, 1);
    expect([sorter.earlier, sorter.waiting]).toEqual([1, 0]);
    sorter.keepAll();
    sorter.add(0, view, 0, end, 1);
    expect([sorter.earlier, sorter.waiting]).toEqual([1, 1]);
  });
});

describe('a batch whose lengths do not add up', () => {
  const { view, starts, end } = layOut([
    { time: 1, length: 10 },
    { time: 2, length: 20 },
  ]);

  test.each([
    ['one record too many', 3, end],
    ['one too few', 1, end],
    ['a byte short', 2, end - 1],
    ['a byte long', 2, end + 1],
  ])('is not taken in: %s', (_, count, to) => {
    const sorter = sorterOf();
    expect(sorter.add(0, view, 0, to, count)).toBe(false);
    expect([sorter.waiting, sorter.newest, sorter.full]).toEqual([0, Number.NEGATIVE_INFINITY, false]);
    expect(sorter.add(0, view, 0, end, starts.length)).toBe(true);
  });
});

test('what waits can be forgotten', () => {
  const { view, starts, end } = layOut([
    { time: 1, length: 10 },
    { time: 2, length: 20 },
  ]);
  const sorter = sorterOf();
  sorter.add(3, view, 0, end, starts.length);
  expect([sorter.waiting, sorter.waitingIn[3]]).toEqual([2, 2]);
  expect(sorter.first).toBeUndefined();
  expect(sorter.discard()).toBe(2);
  expect([sorter.waiting, sorter.waitingIn[3], sorter.taken]).toEqual([0, 0, 0]);
});

test('microseconds are told as such', () => {
  const { view, starts, end } = layOut([{ time: 7_000_000_123, length: 10 }]);
  const sorter = new RecordSorter({ limits: none, nanosecond: false, memories_max: 1 });
  sorter.add(0, view, 0, end, starts.length);
  sorter.take(Number.POSITIVE_INFINITY, new ByteRuns());
  expect(sorter.first).toEqual({ seconds: origin_s + 7, nanos: 123_000 });
});
