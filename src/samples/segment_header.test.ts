import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { crc32 } from 'node:zlib';
import { encodeSegmentHeader, readSegmentHeader, type SegmentHeader } from './segment_header.ts';
import { runs } from './test_packets.ts';

const i64 = { min: -(2n ** 63n), max: 2n ** 63n - 1n };
const header: fc.Arbitrary<SegmentHeader> = fc.record({
  interface: fc.stringMatching(/^[!-~]{1,15}$/),
  linktype: fc.integer({ min: 0, max: 65_535 }),
  snaplen_bytes: fc.integer({ min: 0, max: 0xffff_ffff }),
  rate: fc.integer({ min: 0, max: 0xffff_ffff }),
  number: fc.integer({ min: 1, max: 9_999_999_999 }),
  made: fc.bigInt(i64),
  made_monotonic: fc.bigInt(i64),
  boot: fc.uint8Array({ minLength: 16, maxLength: 16 }),
  index_version: fc.constantFrom(0, 1),
});

const example: SegmentHeader = {
  interface: 'eth0',
  linktype: 1,
  snaplen_bytes: 160,
  rate: 16,
  number: 42,
  made: 0x0102030405060708n,
  made_monotonic: 0x1112131415161718n,
  boot: Uint8Array.from({ length: 16 }, (_, index) => 0xb0 + index),
  index_version: 1,
};

test('the bytes of the format document', () => {
  const fields = [
    '455441505345470a', // magic
    '01006000', // version, length
    '01000000a0000000', // link type, snaplen
    '10000000', // rate
    '2a00000000000000',
    '0807060504030201',
    '1817161514131211',
    'b0b1b2b3b4b5b6b7b8b9babbbcbdbebf',
    `04${Buffer.from('eth0').toString('hex')}`.padEnd(32, '0'),
    '01000c00', // index: version, log2 of the block size
    '0000000000000000',
  ].join('');
  const bytes = Buffer.from(encodeSegmentHeader(example));
  expect(bytes.subarray(0, 92).toString('hex')).toBe(fields);
  expect(bytes.readUInt32LE(92)).toBe(crc32(Buffer.from(fields, 'hex')));
});

test('every header comes back, whatever follows it', () => {
  fc.assert(
    fc.property(header, fc.uint8Array({ maxLength: 200 }), (one, tail) => {
      const bytes = Buffer.concat([encodeSegmentHeader(one), tail]);
      expect(readSegmentHeader(bytes)).toEqual({ kind: 'good', header: one, length: 96 });
    }),
    runs(200),
  );
});

test('no flipped bit goes unseen, and no cut', () => {
  const good = encodeSegmentHeader(example);
  for (let bit = 0; bit < good.length * 8; bit++) {
    const bytes = good.slice();
    bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    expect(readSegmentHeader(bytes).kind).toBe('damaged');
  }
  for (let length = 0; length < good.length; length++) {
    expect(readSegmentHeader(good.subarray(0, length))).toEqual({
      kind: 'damaged',
      reason: `it has only ${length} bytes`,
    });
  }
});

test('nothing that is no header makes the reader throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      expect(readSegmentHeader(bytes).kind).toBe('damaged');
    }),
  );
});

function rewritten(change: (view: DataView) => void, length = 96): Uint8Array {
  const bytes = new Uint8Array(length);
  bytes.set(encodeSegmentHeader(example));
  const view = new DataView(bytes.buffer);
  change(view);
  view.setUint32(length - 4, crc32(bytes.subarray(0, length - 4)), true);
  return bytes;
}

test('a newer version is told apart from damage, also with a longer fixed part', () => {
  const newer = rewritten((view) => {
    view.setUint16(8, 2, true);
    view.setUint16(10, 128, true);
  }, 128);
  expect(readSegmentHeader(newer)).toEqual({ kind: 'newer', version: 2 });
});

test('version 1 with a longer fixed part is read, the marks after it', () => {
  const longer = rewritten((view) => view.setUint16(10, 112, true), 112);
  expect(readSegmentHeader(longer)).toEqual({ kind: 'good', header: example, length: 112 });
});

test.each([0, 16])('a name of %i bytes is damage, whatever the checksum says', (length) => {
  expect(readSegmentHeader(rewritten((view) => view.setUint8(64, length))).kind).toBe('damaged');
});

test('a name that does not fit is refused', () => {
  expect(() => encodeSegmentHeader({ ...example, interface: 'x'.repeat(16) })).toThrow(RangeError);
  expect(() => encodeSegmentHeader({ ...example, interface: '' })).toThrow(RangeError);
});
