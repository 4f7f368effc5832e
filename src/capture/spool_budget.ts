/**
 * The bytes that the spool may take, counted over all threads that write to it. `shared` has 8 bytes; every thread makes its
 * own object over the same.
 */
export class SpoolBudget {
  readonly shared: SharedArrayBuffer;
  readonly limit_bytes: number;
  readonly share_percent: number;
  readonly #used: BigInt64Array;

  /** @param share_percent what one account may have of what is its own or free, in hundredths; see `SpoolShare` */
  constructor(limit_bytes: number, share_percent = 100, shared: SharedArrayBuffer = new SharedArrayBuffer(8)) {
    this.limit_bytes = limit_bytes;
    this.share_percent = share_percent;
    this.shared = shared;
    this.#used = new BigInt64Array(shared);
  }

  get used_bytes(): number {
    return Number(Atomics.load(this.#used, 0));
  }

  /** Takes up to `bytes` of what is left, and returns how much that was. */
  reserve(bytes: number): number {
    for (;;) {
      const used = Atomics.load(this.#used, 0);
      const granted = Math.max(0, Math.min(bytes, this.limit_bytes - Number(used)));
      if (Atomics.compareExchange(this.#used, 0, used, used + BigInt(granted)) === used) return granted;
    }
  }

  /** Counts bytes that are there already, even above the limit. */
  occupy(bytes: number): void {
    Atomics.add(this.#used, 0, BigInt(bytes));
  }

  /** Gives bytes back. */
  release(bytes: number): void {
    Atomics.sub(this.#used, 0, BigInt(bytes));
  }
}
