import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { joinTime } from './split_time.ts';
import { crowdedPacket, recordsOf, runs, type TestPacket } from './test_packets.ts';
import { walkRecords } from './walk_records.ts';

function extremes(packets: readonly TestPacket[]): [bigint | undefined, bigint | undefined] {
  const times = packets.map(({ time }) => time).sort((a, b) => (a < b ? -1 : Number(a > b)));
  return [times[0], times.at(-1)];
}

test('whole records up to any cut are counted, with their least and greatest time', () => {
  fc.assert(
    fc.property(fc.array(crowdedPacket, { maxLength: 20 }), fc.nat(), (packets, anywhere) => {
      const bytes = recordsOf(packets);
      const cut = bytes.length === 0 ? 0 : anywhere % (bytes.length + 1);
      const whole = packets.filter((_, index) => recordsOf(packets.slice(0, index + 1)).length <= cut);
      const walk = walkRecords(new DataView(bytes.buffer), 0, cut, 160);
      expect(walk).toMatchObject({ end: recordsOf(whole).length, records: whole.length, damaged: false });
      if (whole.length === 0) return;
      const times = [joinTime(walk.least_s, walk.least_ns), joinTime(walk.greatest_s, walk.greatest_ns)];
      expect(times).toEqual(extremes(whole));
    }),
    runs(300),
  );
});

const one: TestPacket = { time: 5_000_000_007n, original: 60, bytes: new Uint8Array(60) };

test.each([
  ['zeros', new Uint8Array(64)],
  ['more captured than the snaplen', recordsOf([{ ...one, bytes: new Uint8Array(161), original: 161 }])],
  ['more captured than there was', recordsOf([{ ...one, original: 59 }])],
  ['nothing on the wire', recordsOf([{ ...one, bytes: new Uint8Array(0), original: 0 }])],
  [
    'a billion nanoseconds',
    (() => {
      const bytes = recordsOf([one]);
      new DataView(bytes.buffer).setUint32(4, 1_000_000_000, true);
      return bytes;
    })(),
  ],
])('the walk ends before a record with %s', (_, damaged) => {
  const before = recordsOf([one, one]);
  const bytes = new Uint8Array([...before, ...damaged, ...before]);
  const walk = walkRecords(new DataView(bytes.buffer), 0, bytes.length, 160);
  expect(walk).toMatchObject({ end: before.length, records: 2, damaged: true });
});

test('any bytes at all are walked without reading past the limit', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      const copy = bytes.slice();
      const walk = walkRecords(new DataView(copy.buffer), 0, copy.length, 160);
      expect(walk.end).toBeLessThanOrEqual(copy.length);
    }),
    runs(300),
  );
});
