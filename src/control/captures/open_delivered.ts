import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import type { Bucket, ObjectContent } from '../../bucket/bucket.ts';
import { FaultError, fault } from '../../model/errors/fault.ts';
import type { ByteRange } from '../control.ts';
import { objectRange } from './object_range.ts';
import { download_chunk_bytes } from './download_chunks.ts';
import type { Checking, KnownResult } from './open_result.ts';

/**
 * Opens a full capture's file in its owner's bucket, or a range of it. A file in a directory is compared with what was delivered before any
 * of it is given out, once for as long as nobody writes it. An object elsewhere is compared while it is given out: where it is another one, the
 * last piece is held back and the body ends with an error, which whoever downloads it sees as a file that is cut; of a range only the
 * length of the whole is compared.
 * @throws {FaultError} `delivered_changed`, also out of the body
 */
export async function openDelivered(
  bucket: Bucket,
  { filename, size_bytes, sha256 }: KnownResult,
  range: ByteRange | undefined,
  checking: Checking,
): Promise<Readable> {
  const { account_id, checked } = checking;
  const changed = (reason: string): FaultError =>
    new FaultError([fault('delivered_changed', { filename, destination: bucket.destination, reason })]);
  const other = changed('it has another SHA-256');
  const open = async (wanted: ByteRange | undefined, chunk_bytes?: number): Promise<ObjectContent> => {
    const found = await bucket.readObject(filename, objectRange(wanted), chunk_bytes);
    if (found.size_bytes === size_bytes) return found;
    found.body.destroy();
    throw changed(`it has ${found.size_bytes} bytes and was delivered with ${size_bytes}`);
  };
  let content = await open(range, download_chunk_bytes);
  const { version } = content;
  if (version !== undefined && !checked.has({ account_id, version, sha256 })) {
    content.body.destroy();
    const whole = async (): Promise<Readable> => {
      const found = await open(undefined);
      if (found.version !== version) throw changedMeanwhile(found, changed);
      return found.body;
    };
    await checked.check({ account_id, version, sha256 }, whole, () => other);
    content = await open(range, download_chunk_bytes);
    if (content.version !== version) throw changedMeanwhile(content, changed);
  }
  if (range !== undefined) return content.body;
  return Readable.from(compared(content.body, sha256, other), { objectMode: false });
}

function changedMeanwhile({ body }: ObjectContent, changed: (reason: string) => FaultError): FaultError {
  body.destroy();
  return changed('it is being written');
}

async function* compared(body: Readable, sha256: string, other: FaultError): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  let last: Uint8Array | undefined;
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    hash.update(chunk);
    if (last !== undefined) yield last;
    last = chunk;
  }
  if (hash.digest('hex') !== sha256) throw other;
  if (last !== undefined) yield last;
}
