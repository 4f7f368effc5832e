import { crc32 } from 'node:zlib';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  encodeLossMark,
  encodeSegmentMark,
  encodeSumMark,
  readSegmentMarks,
  sealReasons,
  type SegmentMark,
} from './segment_mark.ts';
import { runs } from './test_packets.ts';

const i64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });

const mark: fc.Arbitrary<SegmentMark> = fc
  .record({
    kind: fc.constantFrom('start' as const, 'progress' as const, 'rate' as const, 'seal' as const),
    rate: fc.integer({ min: 0, max: 0xffff_ffff }),
    watermark: i64,
    monotonic: i64,
    offset: fc.nat(Number.MAX_SAFE_INTEGER),
    records: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
    accepted: u64,
    dropped: u64,
    lost: u64,
    least: i64,
    greatest: i64,
    rate_since: i64.filter((time) => time !== 0n),
    rate_unknown_us: fc.integer({ min: 1, max: 0xffff }),
    reason: fc.constantFrom(...sealReasons),
  })
  .chain(({ reason, least, greatest, rate_since, rate_unknown_us, ...rest }) =>
    fc.constantFrom<SegmentMark>(
      { ...rest, least, greatest, rate_since },
      { ...rest, least, greatest, kind: 'rate', rate_since, rate_unknown_us },
      { ...rest, records: 0 },
      { ...rest, least, greatest },
      { ...rest, least, greatest, kind: 'seal', reason },
    ),
  );

test('the bytes of the format document', () => {
  const bytes = Buffer.from(
    encodeSegmentMark({
      kind: 'seal',
      rate: 16,
      rate_since: 0x5152535455565758n,
      rate_unknown_us: 0x6162,
      watermark: 0x0102030405060708n,
      monotonic: 0x1112131415161718n,
      offset: 0x2122,
      records: 3,
      accepted: 9n,
      dropped: 4n,
      lost: 2n,
      least: 0x3132333435363738n,
      greatest: 0x4142434445464748n,
      reason: 'crash',
    }),
  );
  const fields = [
    '04006000',
    '10000000',
    '0807060504030201',
    '1817161514131211',
    '2221000000000000',
    '0300000000000000',
    '0900000000000000',
    '0400000000000000',
    '0200000000000000',
    '3837363534333231',
    '4847464544434241',
    '0500',
    '6261',
    '5857565554535251',
  ].join('');
  expect(bytes.subarray(0, 92).toString('hex')).toBe(fields);
  expect(bytes.readUInt32LE(92)).toBe(crc32(Buffer.from(fields, 'hex')));
});

test('marks come back in order, also before a torn one', () => {
  fc.assert(
    fc.property(fc.array(mark, { maxLength: 8 }), fc.nat(95), fc.nat(200), (marks, torn, start) => {
      const bytes = Buffer.concat([Buffer.alloc(start, 0xff), ...marks.map(encodeSegmentMark), Buffer.alloc(torn, 1)]);
      expect(readSegmentMarks(bytes, start)).toEqual({ marks, torn_bytes: torn });
    }),
    runs(200),
  );
});

test('a flipped bit costs exactly the mark that it is in', () => {
  fc.assert(
    fc.property(fc.array(mark, { minLength: 1, maxLength: 5 }), fc.nat(), (marks, anywhere) => {
      const bytes = Buffer.concat(marks.map(encodeSegmentMark));
      const bit = anywhere % (bytes.length * 8);
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const wanted: (SegmentMark | 'damaged')[] = [...marks];
      wanted[Math.floor(bit / 8 / 96)] = 'damaged';
      expect(readSegmentMarks(bytes, 0)).toEqual({ marks: wanted, torn_bytes: 0 });
    }),
    runs(300),
  );
});

test('damaged marks in a row are one hole', () => {
  const [first, last] = fc.sample(mark, { numRuns: 2, seed: 1 });
  if (first === undefined || last === undefined) throw new Error('no samples');
  const bytes = Buffer.concat([encodeSegmentMark(first), Buffer.alloc(192, 7), encodeSegmentMark(last)]);
  expect(readSegmentMarks(bytes, 0).marks).toEqual([first, 'damaged', last]);
});

test('a kind of a later version is skipped', () => {
  const bytes = Buffer.alloc(96);
  bytes.writeUInt16LE(9, 0);
  bytes.writeUInt16LE(96, 2);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 92)), 92);
  expect(readSegmentMarks(bytes, 0)).toEqual({ marks: [], torn_bytes: 0 });
});

test('a loss is written as docs/formats/segments.md says, and comes back with its place among the marks', () => {
  const [first, last] = fc.sample(mark, { numRuns: 2, seed: 1 });
  if (first === undefined || last === undefined) throw new Error('no samples');
  const loss = { from: 0x1112131415161718n, to: 0x2122232425262728n, dropped: 3n, lost: 4n };
  const bytes = Buffer.from(encodeLossMark(loss));
  const times = '18171615141312112827262524232221';
  const fields = `05006000${'00'.repeat(4)}${times}03000000000000000400000000000000${'00'.repeat(52)}`;
  expect(bytes.subarray(0, 92).toString('hex')).toBe(fields);
  expect(bytes.readUInt32LE(92)).toBe(crc32(Buffer.from(fields, 'hex')));
  const file = Buffer.concat([encodeSegmentMark(first), bytes, encodeSegmentMark(last)]);
  expect(readSegmentMarks(file, 0)).toEqual({
    marks: [first, last],
    losses: [{ ...loss, position: 1 }],
    torn_bytes: 0,
  });
});

test('a sum is written as docs/formats/segments.md says, and comes back beside the marks', () => {
  const [first, last] = fc.sample(mark, { numRuns: 2, seed: 1 });
  if (first === undefined || last === undefined) throw new Error('no samples');
  const sum = {
    checksum: 0xa1a2a3a4,
    watermark: 0x1112131415161718n,
    offset: 0x3_2122_2324,
    records: 9,
    least: 0x4142434445464748n,
    greatest: 0x5152535455565758n,
  };
  const bytes = Buffer.from(encodeSumMark(sum));
  const counts = `${'00'.repeat(8)}24232221030000000900000000000000${'00'.repeat(24)}`;
  const fields = `06006000a4a3a2a11817161514131211${counts}48474645444342415857565554535251${'00'.repeat(12)}`;
  expect(bytes.subarray(0, 92).toString('hex')).toBe(fields);
  expect(bytes.readUInt32LE(92)).toBe(crc32(Buffer.from(fields, 'hex')));
  const file = Buffer.concat([encodeSegmentMark(first), bytes, encodeSegmentMark(last)]);
  expect(readSegmentMarks(file, 0)).toEqual({ marks: [first, last], sums: [sum], torn_bytes: 0 });
});
