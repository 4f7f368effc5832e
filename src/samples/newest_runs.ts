import { giveBack } from '../model/give_back.ts';
import { recordHeaderBytes } from '../pcap/pcap_record.ts';
import { compareSplit } from './compare_split.ts';
import { createNewestRecords, type NewestRecords, type NewestShare } from './newest_records.ts';
import type { SplitTime } from './split_time.ts';
import type { MatchedRecords } from './visit_matches.ts';

/** Records of one batch, ascending, in a copy of their own. */
interface Run {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly count: number;
  readonly stream: number;
  readonly segment: number;
  /** Of the first record. */
  readonly ordinal: number;
  readonly least: SplitTime;
}

/** What was found out about a batch by walking through it. */
interface Walked {
  readonly count: number;
  readonly ascending: boolean;
  readonly least: SplitTime;
  readonly greatest: SplitTime;
}

/**
 * Keeps the `limit` newest records of batches. As long as these come newest first, all of one stream and each in order, as they do from
 * one interface whose packets came through one processor, they are kept as they are; otherwise record by record, see `NewestRecords`.
 */
export class NewestRuns {
  readonly #limit: number;
  readonly #snaplen_bytes: number;
  /** Each older than the one before. */
  #runs: Run[] = [];
  #count = 0;
  #overflowed = false;
  #single: NewestRecords | undefined;
  #begins = new Uint32Array(1024);

  constructor(limit: number, snaplen_bytes: number) {
    this.#limit = limit;
    this.#snaplen_bytes = snaplen_bytes;
  }

  /** Whether a record was turned away or dropped for a newer one. */
  get overflowed(): boolean {
    return this.#single?.overflowed ?? this.#overflowed;
  }

  /** The time of the oldest that is kept, once `limit` are: nothing older can come in. */
  get floor(): SplitTime | undefined {
    if (this.#single !== undefined) return this.#single.floor;
    return this.#count < this.#limit ? undefined : this.#runs.at(-1)?.least;
  }

  /** Offers a batch. What is kept of it is copied. */
  visit(batch: MatchedRecords): void {
    if (this.#single !== undefined) return this.#offer(this.#single, batch);
    const walked = walk(batch);
    if (walked.count === 0) return;
    const { floor } = this;
    if (floor !== undefined && compareSplit(walked.greatest, floor) < 0) {
      this.#overflowed = true;
      return;
    }
    if (floor === undefined && this.#follows(batch, walked)) this.#add(batch, walked);
    else this.#offer(this.#oneByOne(), batch);
  }

  /** What is kept, stream by stream, in ascending order, in pieces of at most `piece_max_bytes` (one record at least). */
  take(piece_max_bytes: number): NewestShare[] {
    if (this.#single !== undefined) return this.#single.take(piece_max_bytes);
    const pieces: NewestShare[] = [];
    let group: Run[] = [];
    let group_bytes = 0;
    for (const run of this.#runs.toReversed()) {
      const { length } = run.bytes;
      if (group_bytes + length > piece_max_bytes) {
        if (group.length > 0) pieces.push(pieceOf(group, group_bytes));
        [group, group_bytes] = [[], 0];
      }
      if (length > piece_max_bytes) pieces.push(...split(run, piece_max_bytes));
      else {
        group.push(run);
        group_bytes += length;
      }
    }
    if (group.length > 0) pieces.push(pieceOf(group, group_bytes));
    return pieces;
  }

  /** Is the batch in order, and all of it before the last run in the order of all records? */
  #follows({ segment, ordinal }: MatchedRecords, { ascending, greatest, count }: Walked): boolean {
    const last = this.#runs.at(-1);
    if (!ascending || last === undefined) return ascending;
    if (last.stream !== segment.stream) return false;
    const order =
      compareSplit(greatest, last.least) || segment.number - last.segment || ordinal + count - 1 - last.ordinal;
    return order < 0;
  }

  #add({ bytes, view, start, end, segment, ordinal }: MatchedRecords, { count, least }: Walked): void {
    const surplus = Math.max(0, this.#count + count - this.#limit);
    let from = start;
    for (let dropped = 0; dropped < surplus; dropped += 1) from += recordHeaderBytes + view.getUint32(from + 8, true);
    if (surplus > 0) this.#overflowed = true;
    this.#count += count - surplus;
    this.#runs.push({
      bytes: bytes.slice(from, end),
      count: count - surplus,
      stream: segment.stream,
      segment: segment.number,
      ordinal: ordinal + surplus,
      least: surplus === 0 ? least : timeAt(view, from),
    });
  }

  #oneByOne(): NewestRecords {
    const single = createNewestRecords(this.#limit, this.#snaplen_bytes);
    this.#single = single;
    for (const { bytes, stream, segment, ordinal } of this.#runs) {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      this.#offerAll(single, { bytes, view, start: 0, end: bytes.length }, { stream, segment, ordinal });
    }
    this.#runs = [];
    return single;
  }

  #offer(single: NewestRecords, batch: MatchedRecords): void {
    const { segment, ordinal } = batch;
    this.#offerAll(single, batch, { stream: segment.stream, segment: segment.number, ordinal });
  }

  #offerAll(
    single: NewestRecords,
    { bytes, view, start, end }: Pick<MatchedRecords, 'bytes' | 'view' | 'start' | 'end'>,
    first: { readonly stream: number; readonly segment: number; readonly ordinal: number },
  ): void {
    let records = 0;
    for (let at = start; at < end; at += recordHeaderBytes + view.getUint32(at + 8, true)) {
      if (records === this.#begins.length) this.#begins = doubled(this.#begins);
      this.#begins[records] = at;
      records += 1;
    }
    // The newest first: once there are enough, all that are left are older.
    const place = { ...first, ordinal: first.ordinal + records };
    for (let index = records - 1; index >= 0; index -= 1) {
      place.ordinal -= 1;
      single.offer(bytes, view, this.#begins[index] ?? 0, place);
    }
  }
}

function walk({ view, start, end }: MatchedRecords): Walked {
  let [count, ascending] = [0, true];
  let [seconds, nanos] = [0, 0];
  for (let at = start; at < end; at += recordHeaderBytes + view.getUint32(at + 8, true)) {
    const [s, ns] = [view.getUint32(at, true), view.getUint32(at + 4, true)];
    if (s < seconds || (s === seconds && ns < nanos)) ascending = false;
    else [seconds, nanos] = [s, ns];
    count += 1;
  }
  const least = count === 0 ? { seconds, nanos } : timeAt(view, start);
  return { count, ascending, least, greatest: { seconds, nanos } };
}

function timeAt(view: DataView, at: number): SplitTime {
  return { seconds: view.getUint32(at, true), nanos: view.getUint32(at + 4, true) };
}

/** Runs, oldest first, as one piece. */
function pieceOf(group: readonly Run[], bytes: number): NewestShare {
  const stream = group[0]?.stream ?? 0;
  const count = group.reduce((sum, run) => sum + run.count, 0);
  const [only, ...more] = group;
  if (only !== undefined && more.length === 0) return { stream, records: only.bytes, count };
  const records = new Uint8Array(bytes);
  let to = 0;
  for (const run of group) {
    records.set(run.bytes, to);
    to += run.bytes.length;
    giveBack(run.bytes);
  }
  return { stream, records, count };
}

/** A run that is too long for one piece. */
function split(run: Run, piece_max_bytes: number): NewestShare[] {
  const { bytes, stream } = run;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const pieces: NewestShare[] = [];
  let [begin, count] = [0, 0];
  for (let at = 0; at < bytes.length; ) {
    const next = at + recordHeaderBytes + view.getUint32(at + 8, true);
    if (count > 0 && next - begin > piece_max_bytes) {
      pieces.push({ stream, records: bytes.slice(begin, at), count });
      [begin, count] = [at, 0];
    }
    count += 1;
    at = next;
  }
  pieces.push({ stream, records: bytes.slice(begin), count });
  return pieces;
}

function doubled(from: Uint32Array): Uint32Array<ArrayBuffer> {
  const to = new Uint32Array(from.length * 2);
  to.set(from);
  return to;
}
