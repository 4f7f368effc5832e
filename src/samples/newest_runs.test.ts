import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { NewestRuns } from './newest_runs.ts';
import type { ScanSegment } from './scan_job.ts';
import { joinTime } from './split_time.ts';
import { crowdedPacket, recordsOf, runs, type TestPacket } from './test_packets.ts';
import { expectShares } from './test_shares.ts';

interface Batch {
  readonly packets: readonly TestPacket[];
  readonly stream: number;
  readonly segment: number;
  readonly ordinal: number;
}

/** As a visit hands them over: somewhere in a memory that is used for the next batch too. */
function offer(newest: NewestRuns, { packets, stream, segment, ordinal }: Batch): void {
  const records = recordsOf(packets);
  const bytes = new Uint8Array(records.length + 14).fill(0xee);
  bytes.set(records, 7);
  const of = { stream, number: segment } as ScanSegment;
  const view = new DataView(bytes.buffer);
  newest.visit({ bytes, view, start: 7, end: 7 + records.length, segment: of, ordinal });
  bytes.fill(0xdd);
}

function byTime(a: TestPacket, b: TestPacket): number {
  return Number(a.time - b.time);
}

const batch = fc.record({ packets: fc.array(crowdedPacket, { maxLength: 12 }), stream: fc.nat(1) });
/** Batches as one interface without inversions has them: newest first, all in order, equal times at their borders. */
const orderly = fc
  .tuple(fc.array(crowdedPacket, { maxLength: 60 }), fc.array(fc.nat(12), { maxLength: 12 }))
  .map(([packets, lengths]) => {
    const left = packets.toSorted(byTime);
    return lengths.map((length) => ({ packets: length === 0 ? [] : left.splice(-length), stream: 0 }));
  });
const disorderly = fc.array(batch, { maxLength: 12 });

test('it keeps the newest of all batches, in order, whatever order they come in', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        orderly,
        disorderly,
        fc.tuple(orderly, disorderly).map(([a, b]) => [...a, ...b]),
      ),
      fc.integer({ min: 1, max: 60 }),
      fc.integer({ min: 1, max: 4000 }),
      (list, limit, piece_max_bytes) => {
        // One segment's batches come from its end.
        const batches = list.map((one, index) => ({ ...one, segment: 9, ordinal: 10_000 - 100 * index }));
        const newest = new NewestRuns(limit, 160);
        const all: { packet: TestPacket; stream: number; ordinal: number }[] = [];
        for (const one of batches) {
          offer(newest, one);
          all.push(
            ...one.packets.map((packet, index) => ({ packet, stream: one.stream, ordinal: one.ordinal + index })),
          );
          all.sort((a, b) => byTime(a.packet, b.packet) || a.stream - b.stream || a.ordinal - b.ordinal);
          const oldest = all.length < limit ? undefined : all.at(-limit)?.packet.time;
          expect(newest.floor && joinTime(newest.floor.seconds, newest.floor.nanos)).toBe(oldest);
          expect(newest.overflowed).toBe(all.length > limit);
        }
        const kept = all.slice(-limit);
        expectShares(newest.take(piece_max_bytes), kept, piece_max_bytes);
      },
    ),
    runs(500),
  );
});

test('what a worker hands over is memory of its own, whole', () => {
  const packets = Array.from({ length: 8 }, (_, index) => ({
    time: 1_700_000_000_000_000_000n + BigInt(index),
    original: 60,
    bytes: new Uint8Array(60).fill(index),
  }));
  const newest = new NewestRuns(6, 160);
  offer(newest, { packets: packets.slice(4), stream: 0, segment: 1, ordinal: 200 });
  offer(newest, { packets: packets.slice(0, 4), stream: 0, segment: 1, ordinal: 100 });
  const pieces = newest.take(4 * 76);
  expect(pieces.map(({ count }) => count)).toEqual([2, 4]);
  expect(pieces.map(({ records }) => records.buffer.byteLength)).toEqual([2 * 76, 4 * 76]);
});
