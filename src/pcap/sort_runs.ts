import { HeadHeap } from './head_heap.ts';
import type { RecordSource } from './merge_records.ts';
import { createMergedBatch, firstInversion, type MergedBatch } from './merged_batch.ts';
import { copyBatch, createRecordBatch, type RecordBatch } from './record_batch.ts';

/** Some packets of one sorted run. Runs come one after another, numbered from 0. */
export interface SortedRun {
  readonly run: number;
  readonly batch: MergedBatch;
}

/** What a sort may be told. */
export interface SortOptions {
  /** Memory for packets that wait for their place; 64 MiB by default. One batch of the source is always taken. */
  readonly memory_bytes?: number;
  /** Packets in a merged batch at most; 4,096 by default. */
  readonly batch_records?: number;
}

/** Bytes that a packet's columns take beside its own. */
const columnBytes = 32;

/**
 * Splits a source that is not in order into runs that are, within bounded memory: replacement selection (Knuth, The Art of
 * Computer Programming, volume 3, section 5.4.1) over sorted batches. A source whose packets are out of place by less than
 * the memory gives one run, and one whose clock was set back gives two; the worst gives runs of at least about the memory.
 * Packets of the same time keep their order, within a run and from run to run, so merging the runs in their order (as the
 * sources of `mergeRecords`) gives exactly a stable sort of the whole.
 */
export async function* sortRuns(
  source: RecordSource,
  options: SortOptions = {},
): AsyncGenerator<SortedRun, void, undefined> {
  const memoryBytes = options.memory_bytes ?? 67_108_864;
  const sorter = new Sorter(options.batch_records ?? 4096);
  for await (const batch of source) {
    if (batch.count === 0) continue;
    sorter.add(batch);
    while (sorter.heldBytes > memoryBytes) yield sorter.next();
  }
  while (sorter.heldBytes > 0) yield sorter.next();
}

/** A stretch of a sorted batch that belongs to one run. */
interface Span {
  readonly slot: number;
  readonly rank: number;
  next: number;
  readonly end: number;
}

class Sorter {
  readonly #capacity: number;
  /** Sorted batches in memory by slot, how many of their packets have not been given, and what they take. */
  readonly #blocks: ({ batch: RecordBatch; left: number; bytes: number } | undefined)[] = [];
  /** Of each slot, its stretch in this run. */
  readonly #spans: (Span | undefined)[] = [];
  #later: Span[] = [];
  readonly #heap = new HeadHeap(16, 'oldest');
  readonly #free: number[] = [];
  #ranks = 0;
  #run = 0;
  /** The newest time given in this run. */
  #seconds = -Infinity;
  #nanos = 0;
  heldBytes = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Takes a batch in: its packets older than what this run has given already wait for the next run. */
  add(source: RecordBatch): void {
    const batch = sorted(source);
    const slot = this.#free.pop() ?? this.#blocks.length;
    const bytes = batch.bytes.length + batch.count * columnBytes;
    this.#blocks[slot] = { batch, left: batch.count, bytes };
    this.heldBytes += bytes;
    const rank = this.#ranks++;
    const split = this.#late(batch);
    if (split > 0) this.#later.push({ slot, rank, next: 0, end: split });
    if (split < batch.count) this.#enter({ slot, rank, next: split, end: batch.count });
  }

  /** Gives the next packets of the run, or the first of the next run where this one is at its end. */
  next(): SortedRun {
    if (this.#heap.size === 0) this.#beginRun();
    const merged = createMergedBatch(this.#blocks.length, this.#capacity);
    for (const [slot, block] of this.#blocks.entries()) merged.batches[slot] = block?.batch;
    while (merged.count < this.#capacity && this.#heap.size > 0) {
      const slot = this.#heap.top;
      const [span, block] = [this.#spans[slot], this.#blocks[slot]];
      if (span === undefined || block === undefined) break;
      const record = span.next++;
      this.#seconds = block.batch.seconds[record] ?? 0;
      this.#nanos = block.batch.nanos[record] ?? 0;
      merged.sources[merged.count] = slot;
      merged.records[merged.count] = record;
      merged.count++;
      block.left--;
      if (block.left === 0) {
        this.heldBytes -= block.bytes;
        this.#blocks[slot] = undefined;
        this.#free.push(slot);
      }
      const { batch } = block;
      if (span.next < span.end) this.#heap.replaceTop(batch.seconds[span.next] ?? 0, batch.nanos[span.next] ?? 0);
      else this.#heap.removeTop();
    }
    return { run: this.#run, batch: merged };
  }

  #beginRun(): void {
    this.#run++;
    this.#seconds = -Infinity;
    const spans = this.#later;
    this.#later = [];
    for (const span of spans) this.#enter(span);
  }

  #enter(span: Span): void {
    const batch = this.#blocks[span.slot]?.batch;
    this.#spans[span.slot] = span;
    this.#heap.add(span.slot, batch?.seconds[span.next] ?? 0, batch?.nanos[span.next] ?? 0, span.rank);
  }

  /** How many packets of a sorted batch are older than what this run has given. */
  #late(batch: RecordBatch): number {
    let [low, high] = [0, batch.count];
    while (low < high) {
      const middle = (low + high) >> 1;
      const seconds = batch.seconds[middle] ?? 0;
      const late = seconds < this.#seconds || (seconds === this.#seconds && (batch.nanos[middle] ?? 0) < this.#nanos);
      if (late) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** A copy of a batch in ascending time; the same time keeps its order. */
function sorted(source: RecordBatch): RecordBatch {
  const batch = copyBatch(source);
  if (firstInversion(batch) < 0) return batch;
  const order = Uint32Array.from({ length: batch.count }, (_, record) => record).sort(
    (one, other) =>
      (batch.seconds[one] ?? 0) - (batch.seconds[other] ?? 0) || (batch.nanos[one] ?? 0) - (batch.nanos[other] ?? 0),
  );
  const result = createRecordBatch(batch.count);
  for (const [to, from] of order.entries()) {
    result.seconds[to] = batch.seconds[from] ?? 0;
    result.nanos[to] = batch.nanos[from] ?? 0;
    result.offsets[to] = batch.offsets[from] ?? 0;
    result.captured[to] = batch.captured[from] ?? 0;
    result.original[to] = batch.original[from] ?? 0;
    result.interfaces[to] = batch.interfaces[from] ?? 0;
  }
  return { ...result, count: batch.count, bytes: batch.bytes, view: batch.view };
}
