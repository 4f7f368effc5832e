import { createReadStream } from 'node:fs';
import { raise } from '../model/errors/fault.ts';
import { SumCheck } from '../upload/sums/sum_check.ts';
import type { SumPoint } from '../upload/sums/sum_point.ts';

/** A part's file and what it was when it was written. */
export interface SummedFile {
  readonly path: string;
  readonly file_bytes: number;
  readonly points: readonly SumPoint[];
  readonly piece_bytes: number;
}

const chunk_bytes = 1 << 20;

/**
 * A file's bytes, compared with its sums; what comes after the last point that was met is not to be believed yet.
 * @throws {FaultError} `part_file_damaged` where it is not what was written
 */
export async function* readSummed({ path, file_bytes, points }: SummedFile): AsyncGenerator<Uint8Array> {
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
