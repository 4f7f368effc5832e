import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import type { Bucket, ObjectContent } from '../../bucket/bucket.ts';
import { FaultError, fault } from '../../model/errors/fault.ts';
import type { ByteRange } from '../control.ts';
import { objectRange } from './object_range.ts';
import type { KnownResult } from './open_result.ts';

/**
 * Opens a full capture's file in its owner's bucket, or a range of it. It may be as long as the bucket takes, so it is compared with what was
 * delivered while it is given out: where it is another file, the last piece is held back and the body ends with an error, which whoever
 * downloads it sees as a file that is cut. Of a range only the length of the whole file is compared.
 * @throws {FaultError} `delivered_changed`, also out of the body
 */
export async function openDelivered(
  bucket: Bucket,
  { filename, size_bytes, sha256 }: KnownResult,
  range: ByteRange | undefined,
): Promise<Readable> {
  const changed = (reason: string): FaultError =>
    new FaultError([fault('delivered_changed', { filename, destination: bucket.destination, reason })]);
  const content: ObjectContent = await bucket.readObject(filename, objectRange(range));
  if (content.size_bytes !== size_bytes) {
    content.body.destroy();
    throw changed(`it has ${content.size_bytes} bytes and was delivered with ${size_bytes}`);
  }
  if (range !== undefined) return content.body;
  const other = changed('it has another SHA-256');
  return Readable.from(compared(content.body, sha256, other), { objectMode: false });
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
