import { type Backoff, backoffMs } from '../model/backoff.ts';
import { FaultError } from '../model/errors/fault.ts';
import type { Waiting } from './waiting.ts';

/** How long to go on trying. */
export interface Patience extends Backoff {
  /** At least 1. */
  readonly tries: number;
  /** No other try begins when so much time has passed since the first began. */
  readonly within_ms: number;
}

/**
 * Runs a request until it succeeds, fails for good, or has been tried often enough; then its last error is thrown. Only
 * `bucket_unreachable` is worth another try: everything else will be the same next time.
 */
export async function withRetries<T>(
  request: () => Promise<T>,
  patience: Patience,
  waiting: Waiting,
  signal?: AbortSignal,
): Promise<T> {
  const begun = waiting.monotonic();
  for (let failures = 1; ; failures += 1) {
    signal?.throwIfAborted();
    try {
      return await request();
    } catch (error) {
      signal?.throwIfAborted();
      const again = error instanceof FaultError && error.faults[0].name === 'bucket_unreachable';
      const over = failures >= patience.tries || waiting.monotonic() - begun >= patience.within_ms;
      if (!again || over) throw error;
    }
    await waiting.sleep(backoffMs(patience, failures, waiting.random()), signal);
  }
}
