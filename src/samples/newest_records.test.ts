import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { createNewestRecords } from './newest_records.ts';
import { joinTime } from './split_time.ts';
import { crowdedPacket, recordsOf, runs } from './test_packets.ts';
import { expectShares } from './test_shares.ts';

const placed = fc.record({
  packet: crowdedPacket,
  stream: fc.nat(2),
  segment: fc.nat(3),
  // Two records at one place cannot be: the number makes it unique.
});

test('it keeps the newest in the order of time, stream, segment and place, whatever order they come in', () => {
  fc.assert(
    fc.property(
      fc.array(placed, { maxLength: 60 }),
      fc.integer({ min: 1, max: 40 }),
      fc.integer({ min: 1, max: 2000 }),
      (list, limit, piece_max_bytes) => {
        const all = list.map((one, ordinal) => ({ ...one, ordinal: (ordinal * 7919) % 1009 }));
        const newest = createNewestRecords(limit, 160);
        for (const { packet, ...place } of all) {
          const bytes = recordsOf([packet]);
          newest.offer(bytes, new DataView(bytes.buffer), 0, place);
        }
        const sorted = all.toSorted(
          (a, b) =>
            Number(a.packet.time - b.packet.time) ||
            a.stream - b.stream ||
            a.segment - b.segment ||
            a.ordinal - b.ordinal,
        );
        const kept = sorted.slice(-limit);
        expect(newest.count).toBe(kept.length);
        expect(newest.overflowed).toBe(all.length > limit);
        const { floor } = newest;
        const oldest = kept.length < limit ? undefined : kept[0]?.packet.time;
        expect(floor && joinTime(floor.seconds, floor.nanos)).toBe(oldest);
        expectShares(newest.take(piece_max_bytes), kept, piece_max_bytes);
      },
    ),
    runs(300),
  );
});

test('a record that is longer than a slot is refused, not cut', () => {
  const newest = createNewestRecords(2, 16);
  const bytes = recordsOf([{ time: 1n, original: 17, bytes: new Uint8Array(17) }]);
  const offer = (): void => newest.offer(bytes, new DataView(bytes.buffer), 0, { stream: 0, segment: 1, ordinal: 0 });
  expect(offer).toThrow(RangeError);
  expect(newest.count).toBe(0);
});
