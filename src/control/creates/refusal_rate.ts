import { FaultError, kindOf } from '../../model/errors/fault.ts';
import type { LimitCounts } from '../../model/limit_counts.ts';

const window_ms = 60_000;
/** So many principals are remembered before those are looked for that have nothing to remember. */
const swept_from = 256;

/**
 * How many requests of each principal were refused: what it asks for in vain costs something, too. As many as a minute allows may come at
 * once; from then on each has its part of a minute to wait for.
 */
export class RefusalRate {
  readonly #limits: LimitCounts;
  readonly #monotonic: () => number;
  /** By principal: the moment at which all of its refusals will be forgotten. */
  readonly #forgotten_at = new Map<string, number>();

  /** @param monotonic milliseconds */
  constructor(limits: LimitCounts, monotonic: () => number) {
    this.#limits = limits;
    this.#monotonic = monotonic;
    limits.measure('refusals_per_minute', () => {
      const left = Math.max(0, ...[...this.#forgotten_at.values()].map((at) => at - this.#monotonic()));
      return Math.ceil(left / this.#each_ms);
    });
  }

  /**
   * Runs what may refuse, and counts it where it does, with a status of 4xx.
   *
   * @throws FaultError `refusals_limited` where there were too many already, and what it throws
   */
  async guard<T>(principal_id: string, run: () => Promise<T>): Promise<T> {
    this.#require(principal_id);
    try {
      return await run();
    } catch (error) {
      if (error instanceof FaultError && kindOf(error.faults[0]).status < 500) this.count(principal_id);
      throw error;
    }
  }

  /** One more was refused. */
  count(principal_id: string): void {
    const now = this.#monotonic();
    const before = Math.max(now, this.#forgotten_at.get(principal_id) ?? now);
    this.#forgotten_at.set(principal_id, Math.min(now + window_ms, before + this.#each_ms));
    if (this.#forgotten_at.size < swept_from) return;
    for (const [name, at] of this.#forgotten_at) if (at <= now) this.#forgotten_at.delete(name);
  }

  get #each_ms(): number {
    return window_ms / this.#limits.values.refusals_per_minute;
  }

  #require(principal_id: string): void {
    const left_ms = (this.#forgotten_at.get(principal_id) ?? 0) - this.#monotonic();
    const wait_ms = left_ms + this.#each_ms - window_ms;
    // Sums of fractions: a millionth of a second is none.
    if (wait_ms <= 0.001) return;
    throw new FaultError([this.#limits.refuse('refusals_per_minute', { wait_s: Math.ceil(wait_ms / 1000) })]);
  }
}
