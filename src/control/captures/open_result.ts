import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { Bucket, ByteRange as ObjectRange, ObjectContent } from '../../bucket/bucket.ts';
import { type Fault, FaultError, fault } from '../../model/errors/fault.ts';
import type { ByteRange } from '../control.ts';
import type { CheckedVersions } from './checked_versions.ts';
import { download_chunk_bytes, downloadOf } from './download_chunks.ts';
import { objectRange } from './object_range.ts';

/** What the database knows of a result. */
export interface KnownResult {
  readonly filename: string;
  readonly size_bytes: bigint;
  /** 64 hexadecimal characters. */
  readonly sha256: string;
}

/** Which files of an account need not be read whole before a part of them is given out. */
export interface Checking {
  readonly account_id: string;
  readonly checked: CheckedVersions;
}

/** What is longer is checked first and then read again: kept for the client, the memory of every other would have the collector at work all the time. */
const at_once_max_bytes = 256n << 10n;

/**
 * Opens a look-back's file, or a range of it, once all of it has been found to be what was written: a part of a file says nothing of whether it
 * is right. A long one is read whole once, for as long as nobody writes it.
 * @throws {FaultError} `result_damaged`
 */
export async function openResult(
  results: Bucket,
  known: KnownResult,
  range: ByteRange | undefined,
  { account_id, checked }: Checking,
): Promise<Readable> {
  const { filename, size_bytes, sha256 } = known;
  const damaged = (reason: string, cause?: unknown): FaultError =>
    new FaultError([fault('result_damaged', { filename, reason })], { cause });
  const other = (): FaultError => damaged('its SHA-256 is another one than that of what was written');
  const open = async (wanted?: ObjectRange, chunk_bytes?: number): Promise<ObjectContent> => {
    const content = await results.readObject(filename, wanted, chunk_bytes).catch((error: unknown) => {
      throw error instanceof FaultError ? damaged(reasonOf(error.faults[0]), error) : error;
    });
    if (content.size_bytes === size_bytes) return content;
    content.body.destroy();
    throw damaged(`it has ${content.size_bytes} bytes and was written with ${size_bytes}`);
  };
  try {
    if (size_bytes <= at_once_max_bytes) {
      const all = await wholeOf((await open()).body);
      if (createHash('sha256').update(all).digest('hex') !== sha256) throw other();
      return downloadOf(range === undefined ? all : all.subarray(range.start, range.end + 1));
    }
    const wanted = objectRange(range);
    const content = await open(wanted, download_chunk_bytes);
    const { version } = content;
    if (version === undefined) throw new TypeError('results are files');
    if (checked.has({ account_id, version, sha256 })) return content.body;
    content.body.destroy();
    const ofVersion = async (opened: ObjectContent): Promise<Readable> => {
      if (opened.version === version) return opened.body;
      opened.body.destroy();
      throw damaged('it is being written');
    };
    await checked.check({ account_id, version, sha256 }, async () => await ofVersion(await open()), other);
    return await ofVersion(await open(wanted, download_chunk_bytes));
  } catch (error) {
    if (error instanceof FaultError || !(error instanceof Error) || !('errno' in error)) throw error;
    throw damaged(error.message, error);
  }
}

async function wholeOf(body: Readable): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body as AsyncIterable<Uint8Array>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function reasonOf({ name, message }: Fault): string {
  return name === 'bucket_read_failed' ? 'it is gone' : message.replace(/\.$/, '');
}
