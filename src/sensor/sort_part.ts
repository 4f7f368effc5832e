import { rm } from 'node:fs/promises';
import { createCaptureReader } from '../pcap/capture_reader.ts';
import { appendMerged } from '../pcap/capture_writer.ts';
import { createCaptureWriter } from '../pcap/create_capture_writer.ts';
import { mergeFiles } from '../pcap/merge_files.ts';
import { readBatches } from '../pcap/read_batches.ts';
import { sortRuns } from '../pcap/sort_runs.ts';
import { sumsPath } from '../upload/sums/sums_file.ts';
import { newPartFile, type NewPartFile } from './new_part_file.ts';
import { readSummed, type SummedFile } from './read_summed.ts';

const application = 'edgetap';

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
