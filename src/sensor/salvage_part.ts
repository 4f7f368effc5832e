import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { capturedMaxBytes } from '../pcap/pcap_format.ts';
import { encodePcapHeader, pcapHeaderBytes } from '../pcap/pcap_header.ts';
import { WholeRecordScanner } from '../pcap/whole_record_scanner.ts';
import type { SumPoint } from '../upload/sums/sum_point.ts';
import { newPartFile, type NewPartFile } from './new_part_file.ts';

const chunk_bytes = 4 << 20;

/** A damaged file of a part, and what is known of it. */
export interface DamagedFile {
  readonly path: string;
  readonly piece_bytes: number;
  /** The first bytes of the file, as they were written. */
  readonly header: Uint8Array;
  readonly points: readonly SumPoint[];
  /** No sums say what of it is good. */
  readonly unsummed?: true;
}

/**
 * Writes a new file of what looks like whole records in a file that has no sums: of what is in them nothing is known. `linktype` is what it was
 * captured with. Throws as `newPartFile` for the new file, and as the system does where the old one cannot be read.
 */
export async function salvageRecords(from: DamagedFile, linktype: number, to: string): Promise<NewPartFile> {
  return await newPartFile(to, from.piece_bytes, recordsOf(from.path, linktype));
}

async function* recordsOf(path: string, linktype: number): AsyncGenerator<Uint8Array> {
  yield encodePcapHeader({ linktype, snaplen: capturedMaxBytes });
  const scanner = new WholeRecordScanner(true);
  const stream = createReadStream(path, { start: pcapHeaderBytes, highWaterMark: chunk_bytes });
  for await (const chunk of stream as AsyncIterable<Uint8Array>) yield* scanner.push(chunk);
  yield* scanner.end();
}

/**
 * Writes a new file of those blocks of a damaged one that are still what was written: whole records, in their order. What cannot be
 * read counts as damaged. Throws as `newPartFile` for the new file.
 */
export async function salvagePart(from: DamagedFile, to: string): Promise<NewPartFile> {
  return await newPartFile(to, from.piece_bytes, goodBlocks(from));
}

async function* goodBlocks({ path, header, points }: DamagedFile): AsyncGenerator<Uint8Array> {
  yield header;
  const file = await open(path, 'r').catch(() => undefined);
  if (file === undefined) return;
  try {
    let before: Pick<SumPoint, 'end_bytes' | 'checksum'> = { end_bytes: 0, checksum: 0 };
    for (const point of points) {
      if (!point.whole) continue;
      const block = await readWhole(file, before.end_bytes, point.end_bytes);
      const good = block !== undefined && crc32(block, before.checksum) === point.checksum;
      // The file's header is known in any case.
      if (good) yield block.subarray(Math.max(0, pcapHeaderBytes - before.end_bytes));
      before = point;
    }
  } finally {
    await file.close().catch(() => undefined);
  }
}

/** Undefined where not all of it can be read. */
async function readWhole(file: FileHandle, from: number, to: number): Promise<Buffer | undefined> {
  const block = Buffer.alloc(to - from);
  for (let done = 0; done < block.length; ) {
    const read = await file.read(block, done, block.length - done, from + done).catch(() => undefined);
    if (read === undefined || read.bytesRead === 0) return undefined;
    done += read.bytesRead;
  }
  return block;
}
