import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { Bucket, ByteRange as ObjectRange } from '../../bucket/bucket.ts';
import { type Fault, FaultError, fault } from '../../model/errors/fault.ts';
import type { ByteRange } from '../control.ts';
import { download_chunk_bytes, downloadOf } from './download_chunks.ts';
import { objectRange } from './object_range.ts';

/** What the database knows of a result. */
export interface KnownResult {
  readonly filename: string;
  readonly size_bytes: bigint;
  /** 64 hexadecimal characters. */
  readonly sha256: string;
}

/** What is longer is read twice: kept for the client, the memory of every other would have the collector at work all the time. */
const at_once_max_bytes = 256n << 10n;

/**
 * Opens a look-back's file, or a range of it, once all of it has been found to be what was written. A range costs no less: a part of a file
 * says nothing of whether it is right.
 * @throws {FaultError} `result_damaged`
 */
export async function openResult(results: Bucket, known: KnownResult, range: ByteRange | undefined): Promise<Readable> {
  const { filename, size_bytes, sha256 } = known;
  const damaged = (reason: string, cause?: unknown): FaultError =>
    new FaultError([fault('result_damaged', { filename, reason })], { cause });
  const read = async (wanted?: ObjectRange, chunk_bytes?: number): Promise<Readable> => {
    const content = await results.readObject(filename, wanted, chunk_bytes).catch((error: unknown) => {
      throw error instanceof FaultError ? damaged(reasonOf(error.faults[0]), error) : error;
    });
    if (content.size_bytes === size_bytes) return content.body;
    content.body.destroy();
    throw damaged(`it has ${content.size_bytes} bytes and was written with ${size_bytes}`);
  };
  const hash = createHash('sha256');
  const kept: Uint8Array[] = [];
  try {
    for await (const chunk of (await read()) as AsyncIterable<Uint8Array>) {
      hash.update(chunk);
      if (size_bytes <= at_once_max_bytes) kept.push(chunk);
    }
  } catch (error) {
    if (error instanceof FaultError || !(error instanceof Error) || !('errno' in error)) throw error;
    throw damaged(error.message, error);
  }
  if (hash.digest('hex') !== sha256) throw damaged('its SHA-256 is another one than that of what was written');
  if (size_bytes > at_once_max_bytes) return await read(objectRange(range), download_chunk_bytes);
  const all = Buffer.concat(kept);
  return downloadOf(range === undefined ? all : all.subarray(range.start, range.end + 1));
}

function reasonOf({ name, message }: Fault): string {
  return name === 'bucket_read_failed' ? 'it is gone' : message.replace(/\.$/, '');
}
