/**
 * Ranges of bytes in several memories, in the order in which they are to be written. Neighbours are joined, so that records
 * that lie one after the other make one range.
 */
export class ByteRuns {
  count = 0;
  /** Bytes in all ranges. */
  bytes = 0;
  memories: Uint32Array = new Uint32Array(64);
  starts: Uint32Array = new Uint32Array(64);
  ends: Uint32Array = new Uint32Array(64);

  add(memory: number, start: number, end: number): void {
    this.bytes += end - start;
    const last = this.count - 1;
    if (last >= 0 && this.memories[last] === memory && this.ends[last] === start) {
      this.ends[last] = end;
      return;
    }
    if (this.count === this.starts.length) this.#grow();
    this.memories[this.count] = memory;
    this.starts[this.count] = start;
    this.ends[this.count] = end;
    this.count += 1;
  }

  clear(): void {
    this.count = 0;
    this.bytes = 0;
  }

  #grow(): void {
    const grown = (old: Uint32Array): Uint32Array => {
      const twice = new Uint32Array(2 * old.length);
      twice.set(old);
      return twice;
    };
    this.memories = grown(this.memories);
    this.starts = grown(this.starts);
    this.ends = grown(this.ends);
  }
}
