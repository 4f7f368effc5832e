import { createHash } from 'node:crypto';
import { FaultError } from '../model/errors/fault.ts';
import type { Piece, UploadedPiece } from '../model/piece.ts';
import type { Bucket, StreamOptions, StreamedObject, Upload } from './bucket.ts';
import { piecesOf } from './pieces_of.ts';

/** What writing a stream needs of a bucket. */
export interface StreamTarget extends Pick<Bucket, 'writeObject' | 'startUpload' | 'completeUpload' | 'abortUpload'> {
  /** Sends one piece, with retries, and gives its ETag. */
  sendPiece(upload: Upload, piece: Piece, bytes: Uint8Array): Promise<string>;
}

/**
 * Writes an object from a stream, piece by piece, one being sent while the next one fills. What fits into one piece is
 * written as one small object. When anything fails, the upload is aborted (unless the bucket is out of reach) and the first
 * error thrown.
 */
export async function putStream(
  key: string,
  source: AsyncIterable<Uint8Array>,
  options: StreamOptions,
  target: StreamTarget,
): Promise<StreamedObject> {
  const { signal, piece_bytes, content_type } = options;
  const whole = createHash('sha256');
  const pieces: UploadedPiece[] = [];
  let upload: Upload | undefined;
  let sending: Promise<void> = Promise.resolve();
  const send = async (to: Upload, bytes: Uint8Array, number: number): Promise<void> => {
    const md5 = createHash('md5').update(bytes).digest();
    const piece = { number, length_bytes: bytes.length, md5_base64: md5.toString('base64') };
    const etag = await target.sendPiece(to, piece, bytes);
    pieces.push({ number, length_bytes: bytes.length, md5: md5.toString('hex'), etag });
  };
  try {
    let number = 0;
    for await (const { bytes, last } of piecesOf(source, piece_bytes)) {
      signal?.throwIfAborted();
      whole.update(bytes);
      if (last && upload === undefined) {
        return { ...(await target.writeObject(key, bytes, content_type, signal)), sha256: whole.digest('hex') };
      }
      if (upload === undefined) {
        upload = { key, upload_id: await target.startUpload(key, piece_bytes, content_type) };
        await options.started?.(upload);
      }
      await sending;
      number += 1;
      sending = send(upload, bytes, number);
      // Whoever awaits it next sees its failure; until then it is nobody's.
      sending.catch(() => undefined);
    }
    await sending;
    signal?.throwIfAborted();
    if (upload === undefined) throw new Error('a stream has at least one piece');
    const stored = await target.completeUpload({ ...upload, pieces });
    return { ...stored, sha256: whole.digest('hex') };
  } catch (error) {
    await sending.catch(() => undefined);
    const out_of_reach = error instanceof FaultError && error.faults[0].name === 'bucket_unreachable';
    if (upload !== undefined && !out_of_reach) await target.abortUpload(upload).catch(() => undefined);
    throw error;
  }
}
