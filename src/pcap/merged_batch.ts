import type { RecordBatch } from './record_batch.ts';

/**
 * Packets of several sources in one order, without a copy: the i-th is packet `records[i]` of `batches[sources[i]]`. Like a
 * batch, it is good until the next one is asked for.
 */
export interface MergedBatch {
  readonly count: number;
  readonly sources: Uint32Array;
  readonly records: Uint32Array;
  readonly batches: readonly (RecordBatch | undefined)[];
}

/** A merged batch that is being filled. */
export interface WritableMergedBatch extends MergedBatch {
  count: number;
  readonly batches: (RecordBatch | undefined)[];
}

/** An empty merged batch of so many sources with room for so many packets. */
export function createMergedBatch(sources: number, capacity: number): WritableMergedBatch {
  return {
    count: 0,
    sources: new Uint32Array(capacity),
    records: new Uint32Array(capacity),
    batches: Array.from({ length: sources }, () => undefined),
  };
}

/** The times of a batch's packets go up or stay equal: returns the first that is older than the one before it, or -1. */
export function firstInversion(batch: RecordBatch): number {
  const { seconds, nanos, count } = batch;
  for (let record = 1; record < count; record++) {
    const step = (seconds[record] ?? 0) - (seconds[record - 1] ?? 0);
    if (step < 0 || (step === 0 && (nanos[record] ?? 0) < (nanos[record - 1] ?? 0))) return record;
  }
  return -1;
}
