import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { raise } from '../model/errors/fault.ts';
import { createCaptureReader } from '../pcap/capture_reader.ts';
import { appendMerged } from '../pcap/capture_writer.ts';
import { createCaptureWriter } from '../pcap/create_capture_writer.ts';
import { mergeFiles } from '../pcap/merge_files.ts';
import { readBatches } from '../pcap/read_batches.ts';
import { sortRuns } from '../pcap/sort_runs.ts';
import { SumCheck } from '../upload/sums/sum_check.ts';
import type { SumPoint } from '../upload/sums/sum_point.ts';
import { sumsPath } from '../upload/sums/sums_file.ts';
import { newPartFile, type NewPartFile } from './new_part_file.ts';

const application = 'edgetap';
const chunk_bytes = 1 << 20;

/** A part's file and what it was when it was written. */
export interface SummedFile {
  readonly path: string;
  readonly file_bytes: number;
  readonly points: readonly SumPoint[];
  readonly piece_bytes: number;
}

/**
 * Writes the packets of a part, which are not all in the order of their times, into a new file in that order; packets of the
 * same time keep theirs. Bounded memory: runs that are in order go to files beside it, and are merged.
 * @throws {FaultError} `part_file_damaged` where the part, or a run that is read back, is not what was written
 */
export async function writeSorted(from: SummedFile, to: string): Promise<NewPartFile> {
  const runs: SummedFile[] = [];
  try {
    await writeRuns(from, to, runs);
    const chunks = runs.map((run) => ({ chunks: readSummed(run) }));
    return await newPartFile(to, from.piece_bytes, mergeFiles(chunks, { format: 'pcap', application }));
  } finally {
    for (const { path } of runs) for (const name of [path, sumsPath(path)]) await rm(name, { force: true });
  }
}

/** Splits the file into sorted files, which go to `runs`; at least one, with a header at least. */
async function writeRuns(from: SummedFile, to: string, runs: SummedFile[]): Promise<void> {
  const reader = createCaptureReader();
  const sorted = sortRuns(readBatches(reader, readSummed(from)))[Symbol.asyncIterator]();
  try {
    let next = await sorted.next();
    do {
      const number = runs.length;
      const oneRun = async function* (): AsyncGenerator<Uint8Array> {
        const [port] = reader.interfaces;
        const writer = createCaptureWriter({
          format: 'pcap',
          application,
          interfaces: port === undefined ? [] : [{ linktype: port.linktype, snaplen: port.snaplen }],
        });
        for (; next.done !== true && next.value.run === number; next = await sorted.next()) {
          appendMerged(writer, next.value.batch, 0);
          yield* writer.ready();
        }
        yield* writer.finish();
      };
      const path = `${to}.run-${number}`;
      const { piece_bytes } = from;
      const { file_bytes, points } = await newPartFile(path, piece_bytes, oneRun());
      runs.push({ path, file_bytes, points, piece_bytes });
    } while (next.done !== true);
  } finally {
    await sorted.return?.();
  }
}

/** A file's bytes, compared with its sums; what comes after the last point that was met is not to be believed yet. */
async function* readSummed({ path, file_bytes, points }: SummedFile): AsyncGenerator<Uint8Array> {
  const check = new SumCheck(() => points);
  let read = 0;
  const stream = createReadStream(path, { highWaterMark: chunk_bytes, end: Math.max(0, file_bytes - 1) });
  for await (const chunk of stream as AsyncIterable<Uint8Array>) {
    const wrong = check.add(chunk);
    if (wrong !== undefined) {
      raise('part_file_damaged', { path, reason: `bytes ${wrong.from} to ${wrong.to} have another checksum` });
    }
    read += chunk.length;
    yield chunk;
  }
  if (read < file_bytes) raise('part_file_damaged', { path, reason: `it has ${read} bytes of ${file_bytes}` });
}
