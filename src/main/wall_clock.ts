import { setTimeout as delay } from 'node:timers/promises';
import type { TimeNs } from '../model/time.ts';

/** The host's clock (in whole milliseconds, and it follows when it is set), and its waiting. */
export const wallClock: {
  readonly now: () => TimeNs;
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
} = {
  now: () => BigInt(Date.now()) * 1_000_000n,
  sleep: async (ms, signal) => {
    try {
      await delay(ms, undefined, { signal });
    } catch (error) {
      // Woken early: the caller looks at the signal.
      if (!signal.aborted) throw error;
    }
  },
};
