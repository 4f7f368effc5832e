/** Where a record of a part's file stands in the order of time: packets of the same time keep the order of the file. */
export interface RecordKey {
  readonly seconds: number;
  readonly nanos: number;
  /** Where it begins in the file. */
  readonly at: number;
}

/** Below 0 where the first one comes before the other one. */
export function compareKeys(one: RecordKey, other: RecordKey): number {
  return one.seconds - other.seconds || one.nanos - other.nanos || one.at - other.at;
}

/** Keys of records, of which the first in time can be kept and all others dropped. */
export class RecordKeys {
  #seconds = new Uint32Array(4096);
  #nanos = new Uint32Array(4096);
  #at = new Float64Array(4096);
  #lengths = new Uint32Array(4096);
  /** How many there are. */
  count = 0;
  /** Length of all their records. */
  bytes = 0;

  add(key: RecordKey, length_bytes: number): void {
    if (this.count === this.#at.length) this.#grow();
    const index = this.count++;
    this.#seconds[index] = key.seconds;
    this.#nanos[index] = key.nanos;
    this.#at[index] = key.at;
    this.#lengths[index] = length_bytes;
    this.bytes += length_bytes;
  }

  key(index: number): RecordKey {
    return { seconds: this.#seconds[index] ?? 0, nanos: this.#nanos[index] ?? 0, at: this.#at[index] ?? 0 };
  }

  at(index: number): number {
    return this.#at[index] ?? 0;
  }

  length(index: number): number {
    return this.#lengths[index] ?? 0;
  }

  /** Puts them in order and keeps so many of the first that their records have `least_bytes`. Gives the last one kept, where there were as many. */
  keepFirst(least_bytes: number): RecordKey | undefined {
    const [seconds, nanos, at, lengths] = [this.#seconds, this.#nanos, this.#at, this.#lengths];
    const order = Uint32Array.from({ length: this.count }, (_, index) => index).sort(
      (one, other) =>
        (seconds[one] ?? 0) - (seconds[other] ?? 0) ||
        (nanos[one] ?? 0) - (nanos[other] ?? 0) ||
        (at[one] ?? 0) - (at[other] ?? 0),
    );
    let [kept, bytes] = [0, 0];
    while (kept < order.length && bytes < least_bytes) bytes += lengths[order[kept++] ?? 0] ?? 0;
    const first = order.subarray(0, kept);
    this.#seconds = Uint32Array.from(first, (index) => seconds[index] ?? 0);
    this.#nanos = Uint32Array.from(first, (index) => nanos[index] ?? 0);
    this.#at = Float64Array.from(first, (index) => at[index] ?? 0);
    this.#lengths = Uint32Array.from(first, (index) => lengths[index] ?? 0);
    [this.count, this.bytes] = [kept, bytes];
    return bytes >= least_bytes && kept > 0 ? this.key(kept - 1) : undefined;
  }

  #grow(): void {
    const size = Math.max(4096, 2 * this.count);
    const grown = <T extends Uint32Array | Float64Array>(into: T, from: T): T => {
      into.set(from);
      return into;
    };
    this.#seconds = grown(new Uint32Array(size), this.#seconds);
    this.#nanos = grown(new Uint32Array(size), this.#nanos);
    this.#at = grown(new Float64Array(size), this.#at);
    this.#lengths = grown(new Uint32Array(size), this.#lengths);
  }
}
