import { createReadStream } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { appendMerged, type CaptureWriter } from '../pcap/capture_writer.ts';
import { createCaptureReader } from '../pcap/capture_reader.ts';
import { createCaptureWriter } from '../pcap/create_capture_writer.ts';
import { mergeFiles } from '../pcap/merge_files.ts';
import { readBatches } from '../pcap/read_batches.ts';
import { sortRuns } from '../pcap/sort_runs.ts';

const application = 'edgetap';
const chunk_bytes = 1 << 20;

/**
 * Writes the packets of a part, which are not all in the order of their times, into a new file in that order; packets of the
 * same time keep theirs. Bounded memory: runs that are in order go to files beside it, and are merged.
 */
export async function writeSorted(from: string, to: string): Promise<void> {
  const runs: string[] = [];
  try {
    await writeRuns(from, to, runs);
    const [only] = runs;
    if (runs.length === 1 && only !== undefined) return await rename(only, to);
    const chunks = runs.map((path) => ({ chunks: createReadStream(path, { highWaterMark: chunk_bytes }) }));
    await writeFile(`${to}.new`, mergeFiles(chunks, { format: 'pcap', application }));
    await rename(`${to}.new`, to);
  } finally {
    for (const path of [...runs, `${to}.new`]) await rm(path, { force: true });
  }
}

/** Splits the file into sorted files, whose paths go to `paths`; at least one, with a header at least. */
async function writeRuns(from: string, to: string, paths: string[]): Promise<void> {
  const reader = createCaptureReader();
  const source = readBatches(reader, createReadStream(from, { highWaterMark: chunk_bytes }));
  let file: FileHandle | undefined;
  let writer: CaptureWriter | undefined;
  const begin = async (): Promise<CaptureWriter> => {
    const path = `${to}.run-${paths.length}`;
    paths.push(path);
    file = await open(path, 'w', 0o600);
    const [port] = reader.interfaces;
    return createCaptureWriter({
      format: 'pcap',
      application,
      interfaces: port === undefined ? [] : [{ linktype: port.linktype, snaplen: port.snaplen }],
    });
  };
  const end = async (): Promise<void> => {
    for (const chunk of writer?.finish() ?? []) await file?.writeFile(chunk);
    await file?.sync();
    await file?.close();
    file = undefined;
  };
  try {
    let current = -1;
    for await (const { run, batch } of sortRuns(source)) {
      if (run !== current) {
        await end();
        writer = await begin();
        current = run;
      }
      if (writer === undefined) continue;
      appendMerged(writer, batch, 0);
      for (const chunk of writer.ready()) await file?.writeFile(chunk);
    }
    if (paths.length === 0) writer = await begin();
    await end();
  } finally {
    await file?.close();
  }
}

async function writeFile(path: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  const file = await open(path, 'w', 0o600);
  try {
    for await (const chunk of chunks) await file.writeFile(chunk);
    await file.sync();
  } finally {
    await file.close();
  }
}
