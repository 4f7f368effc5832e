import { DefaultDeserializer, DefaultSerializer } from 'node:v8';

/** Bytes of a length that is worth it are not copied on their way out, nor on their way in. */
const large_bytes = 65_536;
const prefix_bytes = 8;

/** Values as V8 writes them, but for arrays of bytes: these stand behind all else, as they are. */
class Writer extends DefaultSerializer {
  readonly parts: Uint8Array[] = [];

  /** What V8 calls for every view of a buffer. */
  _writeHostObject(view: unknown): void {
    if (!(view instanceof Uint8Array)) throw new TypeError('of all views of a buffer only bytes can be sent');
    this.writeUint32(view.length);
    this.parts.push(view);
  }
}

class Reader extends DefaultDeserializer {
  readonly #bytes: Uint8Array;
  #at: number;

  constructor(meta: Uint8Array, bytes: Uint8Array, at: number) {
    super(meta);
    this.#bytes = bytes;
    this.#at = at;
  }

  /** What V8 calls for each that `_writeHostObject` has written, in their order. */
  _readHostObject(): Uint8Array {
    const [at, length] = [this.#at, this.readUint32()];
    this.#at += length;
    if (this.#at > this.#bytes.length) throw new RangeError('a body names more bytes than it has');
    // The one and only part may have the buffer for itself.
    const alone = length >= large_bytes && this.#at === this.#bytes.length;
    return alone ? this.#bytes.subarray(at) : this.#bytes.slice(at, at + length);
  }
}

/**
 * A structured value (bigints, arrays of bytes, whatever V8 can clone, but no other views) as bytes, in pieces: 4 bytes little-endian with the length
 * of what V8 wrote, 4 of zeros, that, and the arrays of bytes, which are not copied. Nothing for undefined.
 */
export function encodeBody(value: unknown): Uint8Array[] {
  if (value === undefined) return [];
  const writer = new Writer();
  writer.writeHeader();
  writer.writeValue(value);
  const meta = writer.releaseBuffer();
  const prefix = Buffer.alloc(prefix_bytes);
  prefix.writeUInt32LE(meta.length);
  return [prefix, meta, ...writer.parts];
}

/**
 * Reads a body back. A large array of bytes that is its last is a view of what came in one piece, all others are copies. Throws a RangeError or an
 * Error of V8 where it is none.
 */
export function decodeBody(pieces: readonly Uint8Array[]): unknown {
  const [piece = new Uint8Array(0)] = pieces.length > 1 ? [new Uint8Array(Buffer.concat(pieces))] : pieces;
  if (piece.length === 0) return undefined;
  // Not as a Buffer, whose slices are views.
  const bytes = new Uint8Array(piece.buffer, piece.byteOffset, piece.length);
  if (bytes.length < prefix_bytes) throw new RangeError(`a body of ${bytes.length} bytes`);
  const meta_bytes = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  const end = prefix_bytes + meta_bytes;
  if (end > bytes.length) throw new RangeError('a body names more bytes than it has');
  const reader = new Reader(bytes.subarray(prefix_bytes, end), bytes, end);
  reader.readHeader();
  return reader.readValue();
}
