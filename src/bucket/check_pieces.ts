import { raise } from '../model/errors/fault.ts';
import type { UploadedPiece } from '../model/piece.ts';

/**
 * The size of what the pieces make together, in bytes.
 * @throws {FaultError} `bucket_refused` unless they are numbered 1, 2, 3 … with as many MD5s, at most 10,000 of them
 */
export function checkPieces(destination: string, pieces: readonly UploadedPiece[]): bigint {
  const refuse = (reason: string): never => raise('bucket_refused', { destination, reason });
  if (pieces.length === 0 || pieces.length > 10_000) refuse(`an object has 1 to 10000 pieces, not ${pieces.length}`);
  let size_bytes = 0n;
  for (const [index, { number, length_bytes, md5 }] of pieces.entries()) {
    if (number !== index + 1) refuse(`piece ${index + 1} is missing`);
    if (!Number.isSafeInteger(length_bytes) || length_bytes < 0) refuse(`piece ${number} has no length`);
    if (!/^[0-9a-f]{32}$/.test(md5)) refuse(`piece ${number} has no MD5`);
    size_bytes += BigInt(length_bytes);
  }
  return size_bytes;
}
