/**
 * Carries a 64-bit total over a counter of 32 bits that wraps: give it what the counter shows, get the total. Right as long as
 * it is asked at least once every 2^32 steps.
 */
export class WrappingCounter {
  #last = 0;
  #total = 0n;

  /** The total, now that the counter shows `shown` (0 to 2^32 - 1). */
  advance(shown: number): bigint {
    this.#total += BigInt((shown - this.#last) >>> 0);
    this.#last = shown;
    return this.#total;
  }
}
