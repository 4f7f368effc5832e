import type { FileFormat } from '../model/capture.ts';
import { raise } from '../model/errors/fault.ts';
import type { TimeNs } from '../model/time.ts';
import { type CaptureReader, createCaptureReader } from './capture_reader.ts';
import { appendMerged, type CaptureWriter } from './capture_writer.ts';
import { createCaptureWriter } from './create_capture_writer.ts';
import { linkTypes } from './link_type.ts';
import type { MergedBatch } from './merged_batch.ts';
import { type Merge, type MergeOptions, mergeRecords } from './merge_records.ts';
import type { InterfaceDescription, InterfaceStatistics } from './pcapng_encode.ts';
import { type Chunks, readBatches } from './read_batches.ts';
import { type RecordBatch, timeOf } from './record_batch.ts';

/** One file to be merged: what came from one interface. */
export interface FilePart {
  /** The file, pcap or pcapng. */
  readonly chunks: Chunks;
  /** What a pcapng result says of the interface beside the part's own link type and snaplen. */
  readonly description?: Omit<InterfaceDescription, 'linktype' | 'snaplen'>;
  /**
   * What it says at its end; how many packets it has of the interface (isb_usrdeliv) is added. A last packet that is later than its end
   * moves it: who says when a capture ended may have another clock than who stamped its packets.
   */
  readonly statistics?: InterfaceStatistics;
}

/** What a merge of files may be told. */
export interface MergeFilesOptions extends MergeOptions {
  readonly format: FileFormat;
  /** Name and version of the program that writes. */
  readonly application: string;
  readonly comment?: string;
  /** About how large a chunk is; 1 MiB by default. */
  readonly chunk_bytes?: number;
}

/** The file that comes of a merge, as chunks: iterate it once. Counts are per part, true for what has been given so far. */
export interface MergedFile extends AsyncIterable<Uint8Array> {
  readonly counts: Merge['counts'];
  readonly ended_by: Merge['ended_by'];
}

/**
 * Makes one file of the parts of a capture, in constant memory: packets by (time, part, record), cut at the limits, which
 * count the parts' own captured bytes (of those that are no past; see `MergeOptions`). Throws what readers, merges and writers throw; also `linktype_mixed` for a part with
 * more than one link type.
 */
export function mergeFiles(parts: readonly FilePart[], options: MergeFilesOptions): MergedFile {
  const readers = parts.map(() => createCaptureReader());
  const sources = parts.map((part, index) => batchesOf(readers[index] ?? createCaptureReader(), part.chunks));
  const merge = mergeRecords(sources, options);
  return {
    counts: merge.counts,
    get ended_by() {
      return merge.ended_by;
    },
    [Symbol.asyncIterator]: () => encode(parts, readers, merge, options),
  };
}

async function* batchesOf(reader: CaptureReader, chunks: Chunks): AsyncGenerator<RecordBatch, void, undefined> {
  for await (const batch of readBatches(reader, chunks)) {
    const [first, ...others] = reader.interfaces;
    const other = others.find(({ linktype }) => linktype !== first?.linktype);
    if (other !== undefined) raise('linktype_mixed', { linktype: other.linktype, into: first?.linktype ?? 0 });
    yield batch;
  }
}

async function* encode(
  parts: readonly FilePart[],
  readers: readonly CaptureReader[],
  merge: Merge,
  options: MergeFilesOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  let writer: CaptureWriter | undefined;
  const lastTimes: (TimeNs | undefined)[] = parts.map(() => undefined);
  for await (const merged of merge) {
    // Every part has been begun by now, so each link type is known.
    writer ??= writerOf(parts, readers, options);
    appendMerged(writer, merged);
    noteLastTimes(lastTimes, merged);
    yield* writer.ready();
  }
  writer ??= writerOf(parts, readers, options);
  const statistics = parts.map((part, index) => {
    const delivered = BigInt(merge.counts[index]?.delivered_packets ?? 0);
    return part.statistics === undefined ? undefined : { ...notBefore(part.statistics, lastTimes[index]), delivered };
  });
  yield* writer.finish(statistics);
}

/** Times of a source go up: its last packet in the batch is its latest so far. */
function noteLastTimes(lastTimes: (TimeNs | undefined)[], { count, sources, records, batches }: MergedBatch): void {
  const last = new Int32Array(lastTimes.length).fill(-1);
  for (let index = 0; index < count; index += 1) last[sources[index] ?? 0] = records[index] ?? 0;
  for (const [source, record] of last.entries()) {
    const batch = batches[source];
    if (record >= 0 && batch !== undefined) lastTimes[source] = timeOf(batch, record);
  }
}

function notBefore(statistics: InterfaceStatistics, last: TimeNs | undefined): InterfaceStatistics {
  const { taken_at, end_time } = statistics;
  if (end_time === undefined || last === undefined || last <= end_time) return statistics;
  return { ...statistics, end_time: last, taken_at: taken_at < last ? last : taken_at };
}

function writerOf(
  parts: readonly FilePart[],
  readers: readonly CaptureReader[],
  options: MergeFilesOptions,
): CaptureWriter {
  const known = readers.map((reader) => reader.interfaces[0]);
  // A part that describes no interface has no packets: any link type will do, so that none is mixed because of it.
  const linktype = known.find((one) => one !== undefined)?.linktype ?? linkTypes.ethernet;
  return createCaptureWriter({
    ...options,
    interfaces: parts.map((part, index) => {
      const own = known[index];
      return { ...part.description, linktype: own?.linktype ?? linktype, snaplen: own?.snaplen ?? 0 };
    }),
  });
}
