import type { CaptureReader } from './capture_reader.ts';
import type { RecordBatch } from './record_batch.ts';

/** Pieces of a file as they come. A piece may be overwritten once the next one is asked for. */
export type Chunks = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

/**
 * Reads a whole file through a reader. Each batch is good until the next one is asked for. A tail torn off in the middle of
 * a record throws `pcap_truncated` after everything before it has been given, unless `keep_torn` says to be content with that.
 */
export async function* readBatches(
  reader: CaptureReader,
  chunks: Chunks,
  options: { readonly keep_torn?: boolean } = {},
): AsyncGenerator<RecordBatch, void, undefined> {
  for await (const chunk of chunks) yield* reader.push(chunk);
  if (options.keep_torn !== true) reader.end();
}
