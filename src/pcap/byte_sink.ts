/** Gathers encoded bytes into chunks of about one size. What is reserved at once stays in one chunk. */
export class ByteSink {
  readonly #chunkBytes: number;
  #full: Uint8Array<ArrayBuffer>[] = [];
  #bytes = new Uint8Array(0);
  #view = new DataView(this.#bytes.buffer);
  #used = 0;

  constructor(chunk_bytes: number) {
    this.#chunkBytes = chunk_bytes;
  }

  /** The chunk being filled; a `reserve` may replace it. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** The same chunk, for writing fields. */
  get view(): DataView {
    return this.#view;
  }

  /** Makes room for so many bytes, zeroed, and returns where in the chunk they begin. */
  reserve(length: number): number {
    if (this.#used + length > this.#bytes.length) {
      this.#seal();
      // Each chunk has memory of its own: whoever takes it may keep it.
      this.#bytes = new Uint8Array(Math.max(this.#chunkBytes, length));
      this.#view = new DataView(this.#bytes.buffer);
    }
    const at = this.#used;
    this.#used += length;
    return at;
  }

  /** Adds bytes as they are. */
  write(bytes: Uint8Array): void {
    const at = this.reserve(bytes.length);
    this.#bytes.set(bytes, at);
  }

  /** Takes the chunks that are full. */
  take(): Uint8Array<ArrayBuffer>[] {
    const full = this.#full;
    this.#full = [];
    return full;
  }

  /** Takes everything, the chunk being filled too. */
  flush(): Uint8Array<ArrayBuffer>[] {
    this.#seal();
    this.#bytes = new Uint8Array(0);
    this.#view = new DataView(this.#bytes.buffer);
    return this.take();
  }

  #seal(): void {
    if (this.#used > 0) this.#full.push(this.#bytes.subarray(0, this.#used));
    this.#used = 0;
  }
}
