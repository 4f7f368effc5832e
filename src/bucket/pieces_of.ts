/** A piece of a stream. `bytes` is good until the second piece after it is asked for. */
export interface StreamPiece {
  readonly bytes: Uint8Array;
  readonly last: boolean;
}

/** A small stream takes a small buffer: it grows to a piece. */
const first_bytes = 65_536;

/**
 * Cuts a stream into pieces of exactly `piece_bytes`, the last one shorter; an empty stream is one empty piece. Uses two
 * buffers in turn, so that one piece can be sent while the next one fills.
 */
export async function* piecesOf(source: AsyncIterable<Uint8Array>, piece_bytes: number): AsyncGenerator<StreamPiece> {
  let [filling, spare] = [Buffer.allocUnsafeSlow(Math.min(first_bytes, piece_bytes)), Buffer.alloc(0)];
  let filled = 0;
  for await (const chunk of source) {
    let taken = 0;
    while (taken < chunk.length) {
      // Only when there is more: the last piece must know that it is the last.
      if (filled === piece_bytes) {
        yield { bytes: filling, last: false };
        [filling, spare] = [spare.length === 0 ? Buffer.allocUnsafeSlow(piece_bytes) : spare, filling];
        filled = 0;
      }
      const part = chunk.subarray(taken, taken + piece_bytes - filled);
      if (filled + part.length > filling.length) filling = grown(filling, filled, filled + part.length, piece_bytes);
      filling.set(part, filled);
      filled += part.length;
      taken += part.length;
    }
  }
  yield { bytes: filling.subarray(0, filled), last: true };
}

/** A buffer with the first `filled` bytes of another, and room for at least `needed`. */
function grown(from: Buffer, filled: number, needed: number, piece_bytes: number): Buffer<ArrayBuffer> {
  const to = Buffer.allocUnsafeSlow(Math.min(piece_bytes, Math.max(needed, from.length * 4)));
  from.copy(to, 0, 0, filled);
  return to;
}
