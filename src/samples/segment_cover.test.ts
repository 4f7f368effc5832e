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

test('a growing one covers up to the live watermark, with the losses since the last mark', () => {
  const marks = [mark('start', 100n, { rate: 4 }), mark('progress', 150n, { rate: 4, dropped: 3n, lost: 1n })];
  const live = { watermark: 180n, dropped: 5n, lost: 1n };
  expect(segmentCover({ marks, torn_bytes: 0 }, live)).toEqual({
    from: 100n,
    to: 180n,
    rates: [{ from: 100n, to: 180n, rate: 4 }],
    losses: [
      { from: 100n, to: 150n, packets: 4n },
      { from: 150n, to: 180n, packets: 2n },
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
    reason: 'rebuilt',
  });
});

test('without a good start mark nothing is covered', () => {
  expect(segmentCover({ marks: [], torn_bytes: 3 })).toBeUndefined();
  expect(segmentCover({ marks: ['damaged', mark('seal', 9n)], torn_bytes: 0 })).toBeUndefined();
});
