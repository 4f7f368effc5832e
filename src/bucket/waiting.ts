import { setTimeout as delay } from 'node:timers/promises';

/** Time and chance, as far as waiting between tries needs them. */
export interface Waiting {
  /** Rejects when the signal is aborted. */
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>;
  /** Milliseconds. */
  readonly monotonic: () => number;
  /** In [0, 1). */
  readonly random: () => number;
}

/** The real clock and real chance. */
export const realWaiting: Waiting = {
  sleep: async (ms, signal) => delay(ms, undefined, signal === undefined ? {} : { signal }),
  monotonic: () => performance.now(),
  random: Math.random,
};
