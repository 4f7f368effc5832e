import { type Fault, fault } from '../model/errors/fault.ts';
import type { SpoolBudget } from './spool_budget.ts';

/**
 * What one account has in the spool, counted over all threads: undelivered captures count. It may have so many hundredths of what is its
 * own or free: with 75, one account has three quarters of the spool at most, and of two that take all they get each has three sevenths. So
 * there is room for the next one, however full the others are. `shared` has 8 bytes; every thread makes its own object over the same.
 */
export class SpoolShare {
  readonly shared: SharedArrayBuffer;
  readonly #budget: SpoolBudget;
  readonly #used: BigInt64Array;

  constructor(budget: SpoolBudget, shared: SharedArrayBuffer = new SharedArrayBuffer(8)) {
    this.#budget = budget;
    this.shared = shared;
    this.#used = new BigInt64Array(shared);
  }

  get used_bytes(): number {
    return Number(Atomics.load(this.#used, 0));
  }

  /** What it may have now. */
  get limit_bytes(): number {
    const { limit_bytes, used_bytes, share_percent } = this.#budget;
    const reachable = this.used_bytes + Math.max(0, limit_bytes - used_bytes);
    return Math.floor((reachable * share_percent) / 100);
  }

  /** How much of what it could have is its own, in hundredths. */
  get used_percent(): number {
    const { limit_bytes, used_bytes } = this.#budget;
    const own = this.used_bytes;
    const reachable = own + Math.max(0, limit_bytes - used_bytes);
    return own <= 0 || reachable === 0 ? 0 : (own / reachable) * 100;
  }

  /** Takes up to `bytes` of what it may have and the spool has left, and returns how much that was. */
  reserve(bytes: number): number {
    const granted = this.#budget.reserve(Math.max(0, Math.min(bytes, this.limit_bytes - this.used_bytes)));
    Atomics.add(this.#used, 0, BigInt(granted));
    return granted;
  }

  /** Counts bytes that are there already, even above the limit. */
  occupy(bytes: number): void {
    this.#budget.occupy(bytes);
    Atomics.add(this.#used, 0, BigInt(bytes));
  }

  /** Gives bytes back. */
  release(bytes: number): void {
    this.#budget.release(bytes);
    Atomics.sub(this.#used, 0, BigInt(bytes));
  }

  /** Why it gets no more: the spool is full, or its share of it. */
  fullFault(): Fault {
    const { used_bytes, limit_bytes, share_percent } = this.#budget;
    if (share_percent === 100 || used_bytes >= limit_bytes) return fault('spool_full', { used_bytes, limit_bytes });
    return fault('spool_share_full', { used_bytes: this.used_bytes, limit_bytes: this.limit_bytes });
  }
}
