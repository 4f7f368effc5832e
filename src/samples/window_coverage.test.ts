import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { SegmentCover } from './segment_cover.ts';
import { runs } from './test_packets.ts';
import { type Gap, windowCoverage } from './window_coverage.ts';

const moment = fc.integer({ min: 0, max: 60 }).map(BigInt);

const cover: fc.Arbitrary<SegmentCover> = fc
  .record({ a: moment, b: moment, rate: fc.integer({ min: 0, max: 4 }), lost: fc.nat(3) })
  .map(({ a, b, rate, lost }) => {
    const [from, to] = a < b ? [a, b] : [b, a];
    const rates = rate > 0 && to > from ? [{ from, to, rate }] : [];
    const losses = lost > 0 ? [{ from, to, packets: BigInt(lost) }] : [];
    return { from, to, rates, losses, reason: 'shutdown' };
  });

function moments(span: { readonly from: bigint; readonly to: bigint }): bigint[] {
  const found: bigint[] = [];
  for (let at = span.from + 1n; at <= span.to; at++) found.push(at);
  return found;
}

describe('of any covers, moment by moment', () => {
  const window = fc
    .tuple(moment, moment)
    .filter(([a, b]) => a !== b)
    .map(([a, b]) => (a < b ? { from: a, to: b } : { from: b, to: a }));

  test('a moment of the window is in a gap exactly when no segment covers it', () => {
    fc.assert(
      fc.property(window, fc.array(cover, { maxLength: 6 }), (asked, covers) => {
        const { gaps } = windowCoverage(asked, covers, undefined, []);
        const wanted = moments(asked).filter((at) => !covers.some(({ from, to }) => at > from && at <= to));
        expect(gaps.flatMap(moments)).toEqual(wanted);
      }),
      runs(500),
    );
  });

  test('every rate of the window is told where it held, and nowhere else', () => {
    fc.assert(
      fc.property(window, fc.array(cover, { maxLength: 6 }), (asked, covers) => {
        const { rates } = windowCoverage(asked, covers, undefined, []);
        const told = (at: bigint, rate: number): boolean =>
          rates.some((one) => one.rate === rate && at > one.from && at <= one.to);
        const held = (at: bigint, rate: number): boolean =>
          covers.some((one) => one.rates.some((span) => span.rate === rate && at > span.from && at <= span.to));
        for (const at of moments({ from: -1n, to: 61n })) {
          const inside = at > asked.from && at <= asked.to;
          for (const rate of [1, 2, 3, 4]) expect(told(at, rate)).toBe(inside && held(at, rate));
        }
      }),
      runs(300),
    );
  });

  test('losses count when their time meets the window', () => {
    fc.assert(
      fc.property(window, fc.array(cover, { maxLength: 6 }), (asked, covers) => {
        const { dropped } = windowCoverage(asked, covers, undefined, []);
        const meets = (span: { from: bigint; to: bigint }): boolean => {
          // Between two equal watermarks it happened at that moment.
          const all = span.from === span.to ? [span.to] : moments(span);
          return all.some((at) => at > asked.from && at <= asked.to);
        };
        const wanted = covers.flatMap(({ losses }) => losses).filter(meets);
        expect(dropped).toBe(wanted.reduce((sum, { packets }) => sum + packets, 0n));
      }),
      runs(500),
    );
  });
});

function gapsOf(covers: readonly Partial<SegmentCover>[], watermark?: bigint): readonly Gap[] {
  const full = covers.map((one) => ({ from: 0n, to: 0n, rates: [], losses: [], ...one }));
  return windowCoverage({ from: 10n, to: 50n }, full, watermark, []).gaps;
}

describe('why there is a gap', () => {
  test('what the segment before it ended with, also one before the window', () => {
    expect(
      gapsOf([
        { from: 0n, to: 5n, reason: 'shutdown' },
        { from: 20n, to: 30n, reason: 'interface_away' },
      ]),
    ).toEqual([
      { from: 10n, to: 20n, reason: 'shutdown' },
      { from: 30n, to: 50n, reason: 'interface_away' },
    ]);
  });

  test('nothing before it, or only what is full or old', () => {
    expect(gapsOf([])).toEqual([{ from: 10n, to: 50n, reason: 'not_sampled' }]);
    expect(gapsOf([{ from: 0n, to: 30n, reason: 'age' }])).toEqual([{ from: 30n, to: 50n, reason: 'not_sampled' }]);
  });

  test('what is still to come', () => {
    expect(gapsOf([{ from: 0n, to: 45n }], 45n)).toEqual([{ from: 45n, to: 50n, reason: 'not_visible_yet' }]);
    expect(gapsOf([{ from: 0n, to: 60n }], 60n)).toEqual([]);
  });

  test('the end of what a sampler left that died, and what follows, as one', () => {
    const dead = { from: 0n, to: 40n, unsure_from: 35n, rates: [], losses: [], reason: 'crash' as const };
    const gaps = (from: bigint, to: bigint): readonly Gap[] => windowCoverage({ from, to }, [dead], undefined, []).gaps;
    expect(gaps(10n, 50n)).toEqual([{ from: 35n, to: 50n, reason: 'crash' }]);
    expect(gaps(10n, 38n)).toEqual([{ from: 35n, to: 38n, reason: 'crash' }]);
    expect(gaps(10n, 35n)).toEqual([]);
  });

  test('the end of what was cut or lost its account, and what follows, each with its reason', () => {
    const cut = { from: 0n, to: 40n, damaged_from: 35n, rates: [], losses: [], reason: 'shutdown' as const };
    const gaps = (from: bigint, to: bigint): readonly Gap[] => windowCoverage({ from, to }, [cut], undefined, []).gaps;
    expect(gaps(10n, 50n)).toEqual([
      { from: 35n, to: 40n, reason: 'damaged' },
      { from: 40n, to: 50n, reason: 'shutdown' },
    ]);
    expect(gaps(10n, 35n)).toEqual([]);
  });

  test('what could not be read, beside what was not sampled', () => {
    const covers = [{ from: 0n, to: 40n, rates: [], losses: [], reason: 'crash' as const }];
    const { gaps } = windowCoverage({ from: 10n, to: 50n }, covers, undefined, [{ from: 5n, to: 12n }]);
    expect(gaps).toEqual([
      { from: 10n, to: 12n, reason: 'damaged' },
      { from: 40n, to: 50n, reason: 'crash' },
    ]);
  });
});

test('what may have been lost outside of the window is a bound, what was lost within it is not', () => {
  const cover = (from: bigint, to: bigint): SegmentCover => {
    return { from: 0n, to: 60n, rates: [], losses: [{ from, to, packets: 2n }], reason: 'shutdown' };
  };
  const window = { from: 20n, to: 40n };
  const of = (...losses: readonly [bigint, bigint][]): unknown => {
    const { dropped, dropped_is_upper_bound = false } = windowCoverage(
      window,
      losses.map(([from, to]) => cover(from, to)),
      undefined,
      [],
    );
    return [dropped, dropped_is_upper_bound];
  };
  expect(of([0n, 20n], [40n, 41n])).toEqual([0n, false]);
  expect(of([20n, 40n], [30n, 31n])).toEqual([4n, false]);
  expect(of([19n, 21n])).toEqual([2n, true]);
  expect(of([20n, 40n], [39n, 41n])).toEqual([4n, true]);
  expect(of([10n, 50n])).toEqual([2n, true]);
});
