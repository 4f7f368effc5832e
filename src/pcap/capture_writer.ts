import type { MergedBatch } from './merged_batch.ts';
import type { RecordBatch } from './record_batch.ts';
import type { InterfaceStatistics } from './pcapng_encode.ts';

/**
 * Encodes a capture file. It does no I/O: whoever owns the file writes the chunks that `ready` and `finish` give, in order.
 * Chunks hold whole records and have memory of their own.
 */
export interface CaptureWriter {
  /**
   * Adds one packet of a batch, which came from the interface of that number. Throws `pcap_time_range` for a time that the
   * format cannot say.
   */
  append(batch: RecordBatch, record: number, interface_number: number): void;
  /** Chunks that are full since the last call. */
  ready(): Uint8Array[];
  /** The end of the file: what is left to write. Statistics are per interface, in their order; classic pcap has no place for them. */
  finish(statistics?: readonly (InterfaceStatistics | undefined)[]): Uint8Array[];
}

/**
 * Adds the packets of a merge. Each came from the interface that has its source's number, unless `interface_number` says that
 * all are of one (the sources of a sorted run are stretches of one file).
 */
export function appendMerged(writer: CaptureWriter, merged: MergedBatch, interface_number?: number): void {
  for (let index = 0; index < merged.count; index++) {
    const source = merged.sources[index] ?? 0;
    const batch = merged.batches[source];
    if (batch !== undefined) writer.append(batch, merged.records[index] ?? 0, interface_number ?? source);
  }
}
