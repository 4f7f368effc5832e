import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { keepWindow } from './keep_window.ts';
import { joinTime, splitTime } from './split_time.ts';
import { crowd_begin, crowdedPacket, recordsOf, runs } from './test_packets.ts';

test('exactly the records of the window are left, in order, and the rest of a torn one is not looked at', () => {
  const offset = fc.integer({ min: -50, max: 50 });
  fc.assert(
    fc.property(fc.array(crowdedPacket, { maxLength: 30 }), offset, offset, fc.nat(15), (packets, a, b, torn) => {
      const [after, until] = [crowd_begin + BigInt(a), crowd_begin + BigInt(b)];
      const whole = recordsOf(packets);
      const bytes = new Uint8Array([...whole, ...new Uint8Array(torn).fill(9)]);
      const view = new DataView(bytes.buffer);
      const window = { after: splitTime(after), until: splitTime(until) };
      const kept = keepWindow(bytes, view, 0, bytes.length, 160, window);
      const wanted = packets.filter(({ time }) => time > after && time <= until);
      expect(bytes.subarray(0, kept.kept_end)).toEqual(recordsOf(wanted));
      expect(kept).toMatchObject({ end: whole.length, damaged: false });
      const times = packets.map(({ time }) => time);
      const greatest = times.reduce((most, time) => (time > most ? time : most), 0n);
      expect(joinTime(kept.greatest_s, kept.greatest_ns)).toBe(greatest);
    }),
    runs(300),
  );
});

test('it stops before damage and keeps what came before', () => {
  const [packet] = fc.sample(crowdedPacket, { numRuns: 1, seed: 3 });
  if (packet === undefined) throw new Error('no sample');
  const before = recordsOf([packet, packet]);
  const bytes = new Uint8Array([...before, ...new Uint8Array(32)]);
  const window = { after: splitTime(0n), until: splitTime(2n ** 62n) };
  const kept = keepWindow(bytes, new DataView(bytes.buffer), 0, bytes.length, 160, window);
  expect(kept).toMatchObject({ end: before.length, kept_end: before.length, damaged: true });
});

test('times are split and joined to the nanosecond, before 1970 too', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 62n), max: 2n ** 62n }), (time) => {
      const { seconds, nanos } = splitTime(time);
      expect(nanos).toBeGreaterThanOrEqual(0);
      expect(nanos).toBeLessThan(1e9);
      expect(joinTime(seconds, nanos)).toBe(time);
    }),
  );
});
