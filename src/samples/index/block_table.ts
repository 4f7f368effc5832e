import type { SplitTime } from '../split_time.ts';

/** What is known of each block of a packet file: where it begins, what it sums up to, and the times of its packets. */
export class BlockTable {
  #offsets = new Float64Array(64);
  #checksums = new Uint32Array(64);
  /** Four numbers a block: greatest and least time, each in seconds and nanoseconds. */
  #times = new Uint32Array(64 * 4);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** Begins a block at an offset of the packet file. */
  begin(offset: number): void {
    if (this.#count === this.#offsets.length) this.#grow();
    this.#offsets[this.#count] = offset;
    this.#checksums[this.#count] = 0;
    this.#times.set([0, 0, 0xffff_ffff, 0xffff_ffff], this.#count * 4);
    this.#count += 1;
  }

  /** The last block has a packet of this time. */
  seen(seconds: number, nanos: number): void {
    const times = this.#times;
    const at = (this.#count - 1) * 4;
    const most = times[at] ?? 0;
    if (seconds > most || (seconds === most && nanos > (times[at + 1] ?? 0))) {
      times[at] = seconds;
      times[at + 1] = nanos;
    }
    const least = times[at + 2] ?? 0;
    if (seconds < least || (seconds === least && nanos < (times[at + 3] ?? 0))) {
      times[at + 2] = seconds;
      times[at + 3] = nanos;
    }
  }

  /** The checksum of what the last block has by now. */
  get checksum(): number {
    return this.#checksums[this.#count - 1] ?? 0;
  }

  set checksum(value: number) {
    this.#checksums[this.#count - 1] = value;
  }

  offset(block: number): number {
    return this.#offsets[block] ?? 0;
  }

  checksumOf(block: number): number {
    return this.#checksums[block] ?? 0;
  }

  greatest(block: number): SplitTime {
    return { seconds: this.#times[block * 4] ?? 0, nanos: this.#times[block * 4 + 1] ?? 0 };
  }

  least(block: number): SplitTime {
    return { seconds: this.#times[block * 4 + 2] ?? 0, nanos: this.#times[block * 4 + 3] ?? 0 };
  }

  #grow(): void {
    const [offsets, checksums, times] = [this.#offsets, this.#checksums, this.#times];
    this.#offsets = new Float64Array(offsets.length * 2);
    this.#offsets.set(offsets);
    this.#checksums = new Uint32Array(checksums.length * 2);
    this.#checksums.set(checksums);
    this.#times = new Uint32Array(times.length * 2);
    this.#times.set(times);
  }
}
