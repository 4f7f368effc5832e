import { recordHeaderBytes } from '../pcap/pcap_record.ts';
import type { SplitTime } from './split_time.ts';

/** Where a record stands in the order of all: time first, then stream, segment and place in the segment. */
export interface RecordPlace {
  /** Number of the stream, counted in the order of interface and link type. */
  readonly stream: number;
  readonly segment: number;
  /** Counts up through the segment; not every number need be there. */
  readonly ordinal: number;
}

/** The newest records of one stream's share, ascending. */
export interface NewestShare {
  readonly stream: number;
  readonly records: Uint8Array;
  readonly count: number;
}

/**
 * Keeps the `limit` newest records of all that are offered, in memory of `limit` times the longest record, and while that grows in up to
 * twice as much. They may come in any order; newest first is cheapest.
 */
export interface NewestRecords {
  readonly count: number;
  /** Whether a record was turned away or dropped for a newer one. */
  readonly overflowed: boolean;
  /** The time of the oldest that is kept, once `limit` are: nothing older can come in. */
  readonly floor: SplitTime | undefined;
  /** Offers the record whose 16-byte header is at `at`. It is copied. */
  offer(bytes: Uint8Array, view: DataView, at: number, place: RecordPlace): void;
  /** What is kept, stream by stream, in ascending order, in pieces of at most `piece_max_bytes` (one record at least). */
  take(piece_max_bytes: number): NewestShare[];
}

/** Slots that there is memory for at first, and how many times as many when these are full. */
const first_slots = 1024;
const slots_factor = 4;

/** Makes an empty one for records of at most `snaplen_bytes` captured bytes. */
export function createNewestRecords(limit: number, snaplen_bytes: number): NewestRecords {
  const slotBytes = recordHeaderBytes + snaplen_bytes;
  let slots = Math.min(limit, first_slots);
  let arena = new Uint8Array(slots * slotBytes);
  const [seconds, nanos] = [new Float64Array(limit), new Uint32Array(limit)];
  const [streams, segments, ordinals] = [new Uint32Array(limit), new Float64Array(limit), new Float64Array(limit)];
  const lengths = new Uint32Array(limit);
  let count = 0;
  /** The slot of the oldest record. */
  let oldest = 0;
  // A binary heap of slots with the oldest record on top; made once the oldest has to go.
  const heap = new Uint32Array(limit);
  let heaped = false;
  let overflowed = false;

  const order = (a: number, b: number): number =>
    (seconds[a] ?? 0) - (seconds[b] ?? 0) ||
    (nanos[a] ?? 0) - (nanos[b] ?? 0) ||
    (streams[a] ?? 0) - (streams[b] ?? 0) ||
    (segments[a] ?? 0) - (segments[b] ?? 0) ||
    (ordinals[a] ?? 0) - (ordinals[b] ?? 0);

  const isNewer = (s: number, ns: number, place: RecordPlace, than: number): boolean =>
    (s - (seconds[than] ?? 0) ||
      ns - (nanos[than] ?? 0) ||
      place.stream - (streams[than] ?? 0) ||
      place.segment - (segments[than] ?? 0) ||
      place.ordinal - (ordinals[than] ?? 0)) > 0;

  const put = (slot: number, bytes: Uint8Array, view: DataView, at: number, place: RecordPlace): void => {
    const length = recordHeaderBytes + view.getUint32(at + 8, true);
    if (length > slotBytes) throw new RangeError(`a record of ${length} bytes in a slot of ${slotBytes}`);
    seconds[slot] = view.getUint32(at, true);
    nanos[slot] = view.getUint32(at + 4, true);
    streams[slot] = place.stream;
    segments[slot] = place.segment;
    ordinals[slot] = place.ordinal;
    lengths[slot] = length;
    arena.set(bytes.subarray(at, at + length), slot * slotBytes);
  };

  const grow = (): void => {
    const grown = new Uint8Array(Math.min(limit, slots * slots_factor) * slotBytes);
    grown.set(arena);
    arena = grown;
    slots = grown.length / slotBytes;
  };

  const siftDown = (from: number): void => {
    const slot = heap[from] ?? 0;
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= count) break;
      if (child + 1 < count && order(heap[child + 1] ?? 0, heap[child] ?? 0) < 0) child++;
      const below = heap[child] ?? 0;
      if (order(slot, below) <= 0) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = slot;
  };

  const heapify = (): void => {
    for (let slot = 0; slot < count; slot += 1) heap[slot] = slot;
    for (let at = (count >> 1) - 1; at >= 0; at -= 1) siftDown(at);
    heaped = true;
  };

  return {
    get count() {
      return count;
    },
    get overflowed() {
      return overflowed;
    },
    get floor() {
      return count < limit ? undefined : { seconds: seconds[oldest] ?? 0, nanos: nanos[oldest] ?? 0 };
    },
    offer(bytes, view, at, place) {
      if (count < limit) {
        if (count === slots) grow();
        put(count, bytes, view, at, place);
        if (order(count, oldest) < 0) oldest = count;
        count += 1;
        return;
      }
      overflowed = true;
      if (!isNewer(view.getUint32(at, true), view.getUint32(at + 4, true), place, oldest)) return;
      if (!heaped) heapify();
      put(heap[0] ?? 0, bytes, view, at, place);
      siftDown(0);
      oldest = heap[0] ?? 0;
    },
    take(piece_max_bytes) {
      // What came newest first is one run for the sort.
      const sorted = Array.from({ length: count }, (_, slot) => slot).sort(
        (a, b) => (streams[a] ?? 0) - (streams[b] ?? 0) || order(a, b),
      );
      return groupPieces(sorted, streams, lengths, piece_max_bytes).map((piece) => {
        const records = new Uint8Array(piece.reduce((sum, slot) => sum + (lengths[slot] ?? 0), 0));
        let to = 0;
        for (const slot of piece) {
          const length = lengths[slot] ?? 0;
          records.set(arena.subarray(slot * slotBytes, slot * slotBytes + length), to);
          to += length;
        }
        return { stream: streams[piece[0] ?? 0] ?? 0, records, count: piece.length };
      });
    },
  };
}

function groupPieces(
  slots: readonly number[],
  streams: Uint32Array,
  lengths: Uint32Array,
  piece_max_bytes: number,
): number[][] {
  const pieces: number[][] = [];
  let used = 0;
  for (const slot of slots) {
    const length = lengths[slot] ?? 0;
    const last = pieces.at(-1);
    if (last !== undefined && streams[last[0] ?? 0] === streams[slot] && used + length <= piece_max_bytes) {
      last.push(slot);
      used += length;
    } else {
      pieces.push([slot]);
      used = length;
    }
  }
  return pieces;
}
