import type { Readable } from 'node:stream';
import type { Bucket, ByteRange as ObjectRange, ObjectContent } from '../../bucket/bucket.ts';
import { type Fault, FaultError, fault } from '../../model/errors/fault.ts';
import type { ByteRange } from '../control.ts';
import type { CheckedVersions } from './checked_versions.ts';
import { download_chunk_bytes } from './download_chunks.ts';
import type { KeptContent, Reserved } from './kept_content.ts';
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

/** And what of results is kept for whoever downloads them. */
export interface ResultChecking extends Checking {
  readonly kept: KeptContent;
}

/** What is longer is not kept for the client: it is checked first and then read again. */
const kept_max_bytes = 4n << 20n;

/**
 * Opens a look-back's file, or a range of it, once all of it has been found to be what was written: a part of a file says nothing of whether it
 * is right. A long one is read whole once, for as long as nobody writes it.
 * @throws {FaultError} `result_damaged`
 */
export async function openResult(
  results: Bucket,
  known: KnownResult,
  range: ByteRange | undefined,
  { account_id, checked, kept }: ResultChecking,
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
    const wanted = objectRange(range);
    const content = await open(wanted, download_chunk_bytes);
    const { version } = content;
    if (version === undefined) throw new TypeError('results are files');
    const file = { account_id, version, sha256 };
    if (checked.has(file)) return content.body;
    content.body.destroy();
    const ofVersion = async (opened: ObjectContent): Promise<Readable> => {
      if (opened.version === version) return opened.body;
      opened.body.destroy();
      throw damaged('it is being written');
    };
    const room = size_bytes <= kept_max_bytes ? kept.reserve(Number(size_bytes)) : undefined;
    try {
      await checked.check(file, async () => keepIn(room, await ofVersion(await open())), other);
      // Nothing is kept where somebody else's check was waited for.
      if (room?.length_bytes === Number(size_bytes)) {
        return room.body(range?.start ?? 0, range === undefined ? Number(size_bytes) : range.end + 1);
      }
    } catch (error) {
      room?.release();
      throw error;
    }
    room?.release();
    return await ofVersion(await open(wanted, download_chunk_bytes));
  } catch (error) {
    if (error instanceof FaultError || !(error instanceof Error) || !('errno' in error)) throw error;
    throw damaged(error.message, error);
  }
}

function keepIn(room: Reserved | undefined, content: Readable): AsyncIterable<Uint8Array> {
  return room === undefined ? content : room.keeping(content);
}

function reasonOf({ name, message }: Fault): string {
  return name === 'bucket_read_failed' ? 'it is gone' : message.replace(/\.$/, '');
}
