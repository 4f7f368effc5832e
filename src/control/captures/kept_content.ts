import { Readable } from 'node:stream';
import { giveBack } from '../../model/give_back.ts';
import { download_chunk_bytes } from './download_chunks.ts';

/** So many bytes of files are kept in memory for their clients, of all downloads together. */
const kept_max_bytes = 16 << 20;

/**
 * Content that was read to be checked, kept until its client has it, so that it need not be read again. Where too much is kept already, for clients
 * that do not read, nothing more is. What has been sent is given back at once: left to the collector, every few downloads would stop the process.
 */
export class KeptContent {
  #kept_bytes = 0;

  /** Takes room for so many bytes; undefined where there is none. */
  reserve(bytes: number): Reserved | undefined {
    if (this.#kept_bytes + bytes > kept_max_bytes) return undefined;
    this.#kept_bytes += bytes;
    return new Reserved(() => (this.#kept_bytes -= bytes));
  }
}

/** Room for the content of one file. */
export class Reserved {
  readonly #free: () => void;
  readonly #chunks: Uint8Array[] = [];
  #released = false;

  constructor(free: () => void) {
    this.#free = free;
  }

  /** Passes content on and keeps it; each chunk must be all that its buffer is for. */
  async *keeping(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of content) {
      this.#chunks.push(chunk);
      yield chunk;
    }
  }

  /** How many bytes are kept. */
  get length_bytes(): number {
    return this.#chunks.reduce((sum, { length }) => sum + length, 0);
  }

  /** The bytes from `first` up to `end`, as a body; with its end they are kept no more. */
  body(first: number, end: number): Readable {
    const parts = this.#parts(first, end);
    const body = new Readable({
      read: () => void body.push(parts.next().value ?? null),
    });
    body.once('close', () => this.release());
    return body;
  }

  /** Keeps nothing any more; a second time does nothing. */
  release(): void {
    if (this.#released) return;
    this.#released = true;
    for (const chunk of this.#chunks.splice(0)) giveBack(chunk);
    this.#free();
  }

  /** Copies (a slice of a Buffer is none): what is handed to a socket is read some time later. */
  *#parts(first: number, end: number): Generator<Uint8Array, undefined> {
    let at = 0;
    for (const chunk of this.#chunks) {
      const stop = Math.min(chunk.length, end - at);
      for (let from = Math.max(0, first - at); from < stop; from += download_chunk_bytes) {
        yield new Uint8Array(chunk.subarray(from, Math.min(stop, from + download_chunk_bytes)));
      }
      at += chunk.length;
    }
    return undefined;
  }
}
