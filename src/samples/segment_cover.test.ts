import { expect, test } from 'vitest';
import { segmentCover } from './segment_cover.ts';
import type { SegmentMark } from './segment_mark.ts';

function mark(kind: SegmentMark['kind'], watermark: bigint, more: Partial<SegmentMark> = {}): SegmentMark {
  const zero = { rate: 1, monotonic: 0n, offset: 24, records: 0, accepted: 0n, dropped: 0n, lost: 0n };
  return { kind, watermark, ...zero, ...more };
}

test('a sealed segment covers from its start to its seal', () => {
  const marks = [mark('start', 100n), mark('progress', 150n), mark('seal', 200n, { reason: 'age' })];
  expect(segmentCover({ marks, torn_bytes: 0 })).toEqual({
    from: 100n,
    to: 200n,
    rates: [{ from: 100n, to: 200n, rate: 1 }],
    losses: [],
    reason: 'age',
  });
});

test('one that a crash ended is sure up to the last mark that its sampler wrote', () => {
  const covered = (...marks: readonly (SegmentMark | 'damaged')[]): unknown => {
    const { from, to, unsure_from } = segmentCover({ marks, torn_bytes: 0 }) ?? {};
    return [from, to, unsure_from];
  };
  const seal = mark('seal', 200n, { reason: 'crash' });
  expect(covered(mark('start', 100n), mark('progress', 150n), seal)).toEqual([100n, 200n, 150n]);
  expect(covered(mark('start', 100n), seal)).toEqual([100n, 200n, 100n]);
  expect(covered(mark('start', 100n), mark('progress', 150n), 'damaged', seal)).toEqual([100n, 200n, 150n]);
  expect(covered(mark('start', 100n), mark('progress', 200n), seal)).toEqual([100n, 200n, undefined]);
  expect(covered(mark('start', 100n), mark('progress', 150n), mark('seal', 200n, { reason: 'size' }))).toEqual([
    100n,
    200n,
    undefined,
  ]);
});

test('one whose header was made again is sure up to the last mark that is left of it', () => {
  const damagedFrom = (...marks: readonly SegmentMark[]): unknown =>
    segmentCover({ marks, torn_bytes: 0 })?.damaged_from;
  const seal = mark('seal', 200n, { reason: 'rebuilt' });
  expect(damagedFrom(mark('start', 100n), mark('progress', 150n), seal)).toBe(150n);
  expect(damagedFrom(mark('start', 100n), seal)).toBe(100n);
  expect(damagedFrom(mark('start', 100n), mark('progress', 200n), seal)).toBeUndefined();
});

test('a growing one covers up to the live watermark, with the losses since the last mark', () => {
  const marks = [mark('start', 100n, { rate: 4 }), mark('progress', 150n, { rate: 4, dropped: 3n, lost: 1n })];
  const live = { watermark: 180n, now: 190n, dropped: 5n, lost: 1n };
  expect(segmentCover({ marks, torn_bytes: 0 }, live)).toEqual({
    from: 100n,
    to: 180n,
    rates: [{ from: 100n, to: 180n, rate: 4 }],
    losses: [
      { from: 100n, to: 150n, packets: 4n },
      { from: 150n, to: 190n, packets: 2n },
    ],
  });
});

test('a change of rate holds from its mark on', () => {
  const marks = [
    mark('start', 0n, { rate: 1 }),
    mark('rate', 10n, { rate: 8 }),
    mark('progress', 20n, { rate: 8 }),
    mark('rate', 30n, { rate: 2 }),
    mark('seal', 40n, { rate: 2, reason: 'size' }),
  ];
  expect(segmentCover({ marks, torn_bytes: 0 })?.rates).toEqual([
    { from: 0n, to: 10n, rate: 1 },
    { from: 10n, to: 30n, rate: 8 },
    { from: 30n, to: 40n, rate: 2 },
  ]);
});

test('a rate holds from the moment that its mark names, and is not known while it changes', () => {
  const marks = [
    mark('start', 0n, { rate: 1 }),
    mark('rate', 10n, { rate: 0, rate_since: 14n }),
    mark('rate', 10n, { rate: 8, rate_since: 15n }),
    mark('progress', 20n, { rate: 8, rate_since: 15n }),
    mark('rate', 30n, { rate: 0, rate_since: 41n }),
    mark('rate', 30n, { rate: 2, rate_since: 42n }),
    mark('seal', 40n, { rate: 2, rate_since: 42n, reason: 'size' }),
  ];
  expect(segmentCover({ marks, torn_bytes: 0 })?.rates).toEqual([
    { from: 0n, to: 14n, rate: 1 },
    { from: 15n, to: 40n, rate: 8 },
  ]);
  // Said to be about to change, and nothing after that.
  expect(
    segmentCover({ marks: marks.slice(0, 2), torn_bytes: 0 }, { watermark: 18n, now: 18n, dropped: 0n, lost: 0n }),
  ).toEqual({
    from: 0n,
    to: 18n,
    rates: [{ from: 0n, to: 14n, rate: 1 }],
    losses: [],
  });
});

test('of a change that was announced, only the time that it took itself is not known', () => {
  const us = 1000n;
  const marks = [
    mark('start', 0n, { rate: 1 }),
    mark('rate', 0n, { rate: 0, rate_since: 10n * us }),
    mark('rate', 0n, { rate: 8, rate_since: 70n * us, rate_unknown_us: 20 }),
    mark('rate', 0n, { rate: 0, rate_since: 90n * us }),
    mark('rate', 0n, { rate: 1, rate_since: 95n * us, rate_unknown_us: 20 }),
    mark('seal', 100n * us, { rate: 1, rate_since: 95n * us }),
  ];
  expect(segmentCover({ marks, torn_bytes: 0 })?.rates).toEqual([
    { from: 0n, to: 50n * us, rate: 1 },
    { from: 70n * us, to: 90n * us, rate: 8 },
    { from: 95n * us, to: 100n * us, rate: 1 },
  ]);
});

test('the rate of packets beyond the watermark is known too, where nothing else covers them', () => {
  const [start, away] = [mark('start', 0n, { rate: 4 }), mark('seal', 20n, { rate: 4, records: 1, greatest: 29n })];
  const live = { watermark: 20n, now: 29n, dropped: 0n, lost: 0n, greatest: 29n };
  const rates = [{ from: 0n, to: 29n, rate: 4 }];
  expect(segmentCover({ marks: [start], torn_bytes: 0 }, live)).toMatchObject({ to: 20n, rates });
  const gone = { ...away, reason: 'interface_away' as const };
  expect(segmentCover({ marks: [start, gone], torn_bytes: 0 })).toMatchObject({ to: 20n, rates });
  // The next segment covers them.
  const full = { ...away, reason: 'size' as const };
  expect(segmentCover({ marks: [start, full], torn_bytes: 0 })).toMatchObject({ to: 20n, rates: [{ to: 20n }] });
});

test('a change that may have been in a damaged mark is not known before the next says since when', () => {
  const marks = [
    mark('start', 0n),
    mark('rate', 5n, { rate: 8, rate_since: 12n }),
    'damaged' as const,
    mark('progress', 20n, { rate: 2, rate_since: 25n }),
    mark('seal', 40n, { rate: 2, rate_since: 25n }),
  ];
  expect(segmentCover({ marks, torn_bytes: 0 })?.rates).toEqual([
    { from: 0n, to: 12n, rate: 1 },
    { from: 25n, to: 40n, rate: 2 },
  ]);
});

test('around a damaged mark the rate is not known, and losses still add up', () => {
  const marks = [mark('start', 0n), mark('progress', 10n), 'damaged' as const, mark('seal', 30n, { dropped: 2n })];
  expect(segmentCover({ marks, torn_bytes: 0 })).toEqual({
    from: 0n,
    to: 30n,
    rates: [{ from: 0n, to: 10n, rate: 1 }],
    losses: [{ from: 10n, to: 30n, packets: 2n }],
  });
});

test('rate 0 is not known', () => {
  const marks = [mark('start', 5n, { rate: 0 }), mark('seal', 9n, { rate: 0, reason: 'rebuilt' })];
  expect(segmentCover({ marks, torn_bytes: 0 })).toEqual({
    from: 5n,
    to: 9n,
    rates: [],
    losses: [],
    damaged_from: 5n,
    reason: 'rebuilt',
  });
});

test('without a good start mark nothing is covered', () => {
  expect(segmentCover({ marks: [], torn_bytes: 3 })).toBeUndefined();
  expect(segmentCover({ marks: ['damaged', mark('seal', 9n)], torn_bytes: 0 })).toBeUndefined();
});

test('losses that were told one by one have their own times, and are not counted again', () => {
  const marks = [
    mark('start', 100n),
    mark('progress', 150n, { dropped: 3n }),
    mark('seal', 200n, { dropped: 3n, lost: 2n, reason: 'age' }),
  ];
  const losses = [
    { from: 120n, to: 125n, dropped: 3n, lost: 0n, position: 1 },
    { from: 160n, to: 161n, dropped: 0n, lost: 2n, position: 2 },
  ];
  const told = [
    { from: 120n, to: 125n, packets: 3n },
    { from: 160n, to: 161n, packets: 2n },
  ];
  expect(segmentCover({ marks, losses, torn_bytes: 0 })?.losses).toEqual(told);
  // The one that the disk did not take: the counts say that there was one.
  expect(segmentCover({ marks, losses: losses.slice(0, 1), torn_bytes: 0 })?.losses).toEqual([
    { from: 120n, to: 125n, packets: 3n },
    { from: 150n, to: 200n, packets: 2n },
  ]);
  // Told, and not counted by a mark yet.
  const live = { watermark: 130n, now: 140n, dropped: 4n, lost: 0n };
  expect(segmentCover({ marks: marks.slice(0, 1), losses: losses.slice(0, 1), torn_bytes: 0 }, live)?.losses).toEqual([
    { from: 120n, to: 125n, packets: 3n },
    { from: 100n, to: 140n, packets: 1n },
  ]);
});

test('of a loss that is only counted it is known that it had happened when the mark was written, however far behind its watermark was', () => {
  const second = 1_000_000_000n;
  const at = (watermark_s: bigint, written_s: bigint): SegmentMark =>
    mark('progress', watermark_s * second, { monotonic: written_s * second, dropped: 5n });
  const marks = [{ ...mark('start', 100n * second), monotonic: 0n }, at(101n, 7n), at(108n, 8n)];
  expect(segmentCover({ marks, torn_bytes: 0 }, undefined, 100n * second)?.losses).toEqual([
    { from: 100n * second, to: 107n * second + second / 2n, packets: 5n },
  ]);
});
