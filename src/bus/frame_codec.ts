import { type Frame, type FrameHead, frameTypes } from './frame.ts';

const prefix_bytes = 8;
const head_max_bytes = 4096;
/** More than any message has: look-backs are answered in pieces of a quarter of a megabyte. */
const body_max_bytes = 64 << 20;

/** A frame as bytes: the lengths of head and body (4 bytes each, little-endian), the head as JSON, the body's pieces as they are. */
export function encodeFrame({ head, body }: Frame): Uint8Array[] {
  const text = Buffer.from(JSON.stringify(head));
  const start = Buffer.allocUnsafe(prefix_bytes + text.length);
  start.writeUInt32LE(text.length, 0);
  start.writeUInt32LE(
    body.reduce((sum, { length }) => sum + length, 0),
    4,
  );
  text.copy(start, prefix_bytes);
  return [start, ...body];
}

/** Puts frames together from a stream's chunks, cut anywhere. The body of each has a buffer of its own. */
export class FrameReader {
  readonly #prefix = Buffer.alloc(prefix_bytes);
  #prefixed = 0;
  #head: Filling | undefined;
  #body: Filling | undefined;

  /** Takes a chunk, which is not kept; gives the frames that it completes. Throws a RangeError where the stream is none of frames. */
  push(chunk: Uint8Array): Frame[] {
    const frames: Frame[] = [];
    for (let at = 0; at < chunk.length; ) {
      if (this.#head === undefined || this.#body === undefined) {
        const taken = Math.min(prefix_bytes - this.#prefixed, chunk.length - at);
        this.#prefix.set(chunk.subarray(at, at + taken), this.#prefixed);
        this.#prefixed += taken;
        at += taken;
        if (this.#prefixed === prefix_bytes) this.#begin();
      } else {
        at += this.#head.take(chunk, at);
        at += this.#body.take(chunk, at);
      }
      const frame = this.#finished();
      if (frame !== undefined) frames.push(frame);
    }
    return frames;
  }

  #begin(): void {
    const [head, body] = [this.#prefix.readUInt32LE(0), this.#prefix.readUInt32LE(4)];
    if (head > head_max_bytes || body > body_max_bytes) throw new RangeError(`a frame of ${head} and ${body} bytes`);
    this.#head = new Filling(head);
    this.#body = new Filling(body);
  }

  #finished(): Frame | undefined {
    if (this.#head?.full !== true || this.#body?.full !== true) return undefined;
    const head = headOf(this.#head.bytes);
    const { bytes } = this.#body;
    this.#prefixed = 0;
    this.#head = this.#body = undefined;
    return { head, body: bytes.length === 0 ? [] : [bytes] };
  }
}

/** Memory that chunks fill. */
class Filling {
  readonly bytes: Uint8Array<ArrayBuffer>;
  #length = 0;

  constructor(length: number) {
    this.bytes = new Uint8Array(length);
  }

  get full(): boolean {
    return this.#length === this.bytes.length;
  }

  /** Takes what is missing out of a chunk, from `at` on; returns how much that was. */
  take(chunk: Uint8Array, at: number): number {
    const taken = Math.min(this.bytes.length - this.#length, chunk.length - at);
    this.bytes.set(chunk.subarray(at, at + taken), this.#length);
    this.#length += taken;
    return taken;
  }
}

function headOf(bytes: Uint8Array): FrameHead {
  let head: unknown;
  try {
    head = JSON.parse(Buffer.from(bytes).toString());
  } catch (cause) {
    throw new RangeError('the head of a frame is not JSON', { cause });
  }
  if (!isHead(head)) throw new RangeError('the head of a frame is none');
  return head;
}

function isHead(value: unknown): value is FrameHead {
  if (typeof value !== 'object' || value === null) return false;
  const { to, from, id, type }: Partial<Record<keyof FrameHead, unknown>> = value;
  const known = frameTypes.some((one) => one === type);
  return typeof to === 'string' && typeof from === 'string' && typeof id === 'string' && known;
}
