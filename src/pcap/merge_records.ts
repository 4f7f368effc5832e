import { raise } from '../model/errors/fault.ts';
import { HeadHeap } from './head_heap.ts';
import { createMergedBatch, firstInversion, type MergedBatch } from './merged_batch.ts';
import type { RecordBatch } from './record_batch.ts';

/** One source of a merge: its packets in ascending time, a batch at a time. */
export type RecordSource = AsyncIterable<RecordBatch> | Iterable<RecordBatch>;

/** Where a merge ends. */
export interface MergeLimits {
  readonly packet_limit?: number;
  /** Captured bytes: the longest time-ordered prefix not above it. */
  readonly byte_limit?: number;
}

/** What became of one source's packets. Bytes are captured bytes. */
export interface SourceCounts {
  delivered_packets: number;
  delivered_bytes: number;
  /** Left out because of a limit; undefined while or where the rest of the source was not read. */
  cut_packets?: number;
  cut_bytes?: number;
}

/** What a merge may be told. */
export interface MergeOptions extends MergeLimits {
  /** The first so many sources are a past: the limits count nothing of them and cut nothing from them. */
  readonly past_sources?: number;
  /** Packets of the past that are passed over: the oldest of all its sources together. */
  readonly past_skip?: number;
  /** After a limit, read every source to its end to count what was cut. Off by default: who knows the totals can subtract. */
  readonly count_cut?: boolean;
  /** Packets in a merged batch at most; 4,096 by default. */
  readonly batch_records?: number;
}

/** A merge under way: iterate it once. */
export interface Merge extends AsyncIterable<MergedBatch> {
  /** Per source, true for what has been given so far. */
  readonly counts: readonly SourceCounts[];
  /** The limit that left packets out; undefined where none did. */
  readonly ended_by: 'packet_limit' | 'byte_limit' | undefined;
}

/**
 * Merges sources by (time, source, record) and cuts what is no past at the limits, in constant memory: one batch per source. Throws
 * `pcap_unordered` where a source goes back in time. All sources are closed when the merge ends, however it ends.
 */
export function mergeRecords(sources: readonly RecordSource[], options: MergeOptions = {}): Merge {
  const counts = sources.map((): SourceCounts => ({ delivered_packets: 0, delivered_bytes: 0 }));
  const state: { ended_by: Merge['ended_by'] } = { ended_by: undefined };
  return {
    counts,
    get ended_by() {
      return state.ended_by;
    },
    [Symbol.asyncIterator]: () => merge(sources, options, counts, state),
  };
}

async function* merge(
  sources: readonly RecordSource[],
  options: MergeOptions,
  counts: readonly SourceCounts[],
  state: { ended_by: Merge['ended_by'] },
): AsyncGenerator<MergedBatch, void, undefined> {
  const inputs = sources.map((source, index) => new Input(source, index));
  try {
    yield* ordered(inputs, options, counts, state);
    const rest = state.ended_by === undefined || options.count_cut === true;
    if (rest) for (const [index, input] of inputs.entries()) await countRest(input, counts[index]);
  } finally {
    await Promise.all(inputs.map((input) => input.close()));
  }
}

async function* ordered(
  inputs: readonly Input[],
  options: MergeOptions,
  counts: readonly SourceCounts[],
  state: { ended_by: Merge['ended_by'] },
): AsyncGenerator<MergedBatch, void, undefined> {
  const { packet_limit: packetLimit = Infinity, byte_limit: byteLimit = Infinity } = options;
  const capacity = options.batch_records ?? 4096;
  const merged = createMergedBatch(inputs.length, capacity);
  const heap = new HeadHeap(inputs.length, 'oldest');
  await Promise.all(inputs.map((input) => input.pull()));
  for (const [index, input] of inputs.entries()) {
    merged.batches[index] = input.batch;
    if (input.batch !== undefined) heap.add(index, input.seconds, input.nanos, index);
  }
  const pastSources = options.past_sources ?? 0;
  let skip = options.past_skip ?? 0;
  let [packets, bytes] = [0, 0];
  while (heap.size > 0) {
    const source = heap.top;
    const input = inputs[source];
    const batch = input?.batch;
    const count = counts[source];
    if (input === undefined || batch === undefined || count === undefined) break;
    const captured = batch.captured[input.record] ?? 0;
    const isPast = source < pastSources;
    if (!isPast && state.ended_by === undefined && (packets === packetLimit || bytes + captured > byteLimit)) {
      state.ended_by = packets === packetLimit ? 'packet_limit' : 'byte_limit';
    }
    if (!isPast && state.ended_by !== undefined) {
      // What is left of a past still goes out: one interface may have begun after another was full.
      heap.removeTop();
      continue;
    }
    if (isPast && skip > 0) {
      skip--;
    } else {
      if (!isPast) {
        packets++;
        bytes += captured;
      }
      count.delivered_packets++;
      count.delivered_bytes += captured;
      merged.sources[merged.count] = source;
      merged.records[merged.count] = input.record;
      merged.count++;
    }
    input.record++;
    if (input.record === batch.count) {
      // The next batch may overwrite this one.
      if (merged.count > 0) yield merged;
      merged.count = 0;
      await input.pull();
      merged.batches[source] = input.batch;
      if (input.batch === undefined) {
        heap.removeTop();
        continue;
      }
    } else if (merged.count === capacity) {
      yield merged;
      merged.count = 0;
    }
    heap.replaceTop(input.seconds, input.nanos);
  }
  if (merged.count > 0) yield merged;
}

async function countRest(input: Input, count: SourceCounts | undefined): Promise<void> {
  if (count === undefined) return;
  let [packets, bytes] = [0, 0];
  for (; input.batch !== undefined; await input.pull()) {
    packets += input.batch.count - input.record;
    for (let record = input.record; record < input.batch.count; record++) bytes += input.batch.captured[record] ?? 0;
  }
  count.cut_packets = packets;
  count.cut_bytes = bytes;
}

/** One source, with the batch and the packet that it stands at. */
class Input {
  readonly #iterator: AsyncIterator<RecordBatch> | Iterator<RecordBatch>;
  readonly #index: number;
  /** Packets in the batches before this one. */
  #before = 0;
  #ended = false;
  batch: RecordBatch | undefined;
  record = 0;

  constructor(source: RecordSource, index: number) {
    this.#iterator = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
    this.#index = index;
  }

  get seconds(): number {
    return this.batch?.seconds[this.record] ?? 0;
  }

  get nanos(): number {
    return this.batch?.nanos[this.record] ?? 0;
  }

  /** Goes to the next batch that has packets; `batch` is undefined at the end. */
  async pull(): Promise<void> {
    const last = this.batch === undefined ? -1 : this.batch.count - 1;
    const [seconds, nanos] = [this.batch?.seconds[last] ?? -Infinity, this.batch?.nanos[last] ?? 0];
    this.#before += last + 1;
    this.record = 0;
    do {
      const next = await this.#iterator.next();
      this.#ended = next.done === true;
      this.batch = next.done === true ? undefined : next.value;
    } while (this.batch !== undefined && this.batch.count === 0);
    if (this.batch === undefined) return;
    const earlier = this.seconds < seconds || (this.seconds === seconds && this.nanos < nanos);
    const inverted = earlier ? 0 : firstInversion(this.batch);
    if (inverted >= 0) raise('pcap_unordered', { packet: this.#before + inverted + 1, source: this.#index });
  }

  async close(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    await this.#iterator.return?.();
  }
}
