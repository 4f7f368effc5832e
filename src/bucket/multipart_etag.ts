import { createHash } from 'node:crypto';
import type { UploadedPiece } from '../model/piece.ts';

/**
 * The ETag that S3 gives an object uploaded in pieces: the MD5 of the pieces' MD5s one after the other, a hyphen, and their
 * number ("Checking object integrity" of the S3 user guide).
 */
export function multipartEtag(pieces: readonly Pick<UploadedPiece, 'md5'>[]): string {
  const hash = createHash('md5');
  for (const { md5 } of pieces) hash.update(md5, 'hex');
  return `${hash.digest('hex')}-${pieces.length}`;
}
