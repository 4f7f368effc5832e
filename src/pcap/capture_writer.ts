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
  /**
   * Adds neighbouring packets of a `packed` batch, from `first` to before `end`, as they lie there. Absent where the format has records of
   * its own.
   */
  readonly appendPacked?: (batch: RecordBatch, first: number, end: number, interface_number: number) => void;
  /** Chunks that are full since the last call. */
  ready(): Uint8Array<ArrayBuffer>[];
  /** The end of the file: what is left to write. Statistics are per interface, in their order; classic pcap has no place for them. */
  finish(statistics?: readonly (InterfaceStatistics | undefined)[]): Uint8Array<ArrayBuffer>[];
}

/**
 * Adds the packets of a merge. Each came from the interface that has its source's number, unless `interface_number` says that
 * all are of one (the sources of a sorted run are stretches of one file).
 */
export function appendMerged(writer: CaptureWriter, merged: MergedBatch, interface_number?: number): void {
  for (let index = 0; index < merged.count; ) {
    const source = merged.sources[index] ?? 0;
    const batch = merged.batches[source];
    const first = merged.records[index] ?? 0;
    let length = 1;
    if (batch?.packed === true && writer.appendPacked !== undefined) {
      length = neighbours(merged, index);
      writer.appendPacked(batch, first, first + length, interface_number ?? source);
    } else if (batch !== undefined) writer.append(batch, first, interface_number ?? source);
    index += length;
  }
}

/** How many packets from `index` on follow each other in their source, too. */
function neighbours({ count, sources, records }: MergedBatch, index: number): number {
  const [source, first] = [sources[index] ?? 0, records[index] ?? 0];
  let length = 1;
  while (index + length < count && sources[index + length] === source && records[index + length] === first + length)
    length += 1;
  return length;
}
