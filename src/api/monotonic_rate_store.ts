import type { FastifyRateLimitStore } from '@fastify/rate-limit';

const keys_max = 5000;

/**
 * Where a rate limit counts: in windows of the monotonic clock. The plugin's own store goes by the wall clock: set back by an hour, it
 * would refuse for an hour whoever was counted before.
 */
export class MonotonicRateStore implements FastifyRateLimitStore {
  /** By key, the one that was counted longest ago first. */
  readonly #windows = new Map<string, { current: number; readonly began_ms: number }>();
  readonly #now_ms: () => number;

  /** The plugin gives its options first. */
  constructor(_options?: unknown, now_ms: () => number = () => performance.now()) {
    this.#now_ms = now_ms;
  }

  incr(
    key: string,
    callback: (error: Error | null, result?: { current: number; ttl: number }) => void,
    window_ms: number,
  ): void {
    const now = this.#now_ms();
    const before = this.#windows.get(key);
    const running = before !== undefined && now < before.began_ms + window_ms;
    const window = running ? before : { current: 0, began_ms: now };
    window.current += 1;
    this.#windows.delete(key);
    this.#windows.set(key, window);
    const [oldest] = this.#windows.keys();
    if (this.#windows.size > keys_max && oldest !== undefined) this.#windows.delete(oldest);
    callback(null, { current: window.current, ttl: Math.ceil(window.began_ms + window_ms - now) });
  }

  /** A store of its own for each limit. */
  child(): MonotonicRateStore {
    return new MonotonicRateStore(undefined, this.#now_ms);
  }
}
