import { Readable } from 'node:stream';

/** A client may stop reading for long: so much is kept for it, a few times over. */
export const download_chunk_bytes: number = 64 << 10;

/** Bytes as a body that comes in chunks: it has ended only once the client has taken nearly all of it. */
export function downloadOf(bytes: Buffer): Readable {
  if (bytes.length <= download_chunk_bytes) return Readable.from([bytes], { objectMode: false });
  const count = Math.ceil(bytes.length / download_chunk_bytes);
  const chunks = Array.from({ length: count }, (_, at) =>
    bytes.subarray(at * download_chunk_bytes, (at + 1) * download_chunk_bytes),
  );
  return Readable.from(chunks, { objectMode: false });
}
