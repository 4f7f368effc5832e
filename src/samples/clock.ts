import type { TimeNs } from '../model/time.ts';

/** The clocks that the sample store goes by. */
export interface SampleClock {
  /** The wall clock, on which the kernel stamps packets. It can be set. */
  now(): TimeNs;
  /** CLOCK_MONOTONIC in nanoseconds: comparable between processes of one boot. */
  monotonic(): bigint;
  /** Resolves after so long, or as soon as the signal is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** The clocks of the system. `now` is cut to whole milliseconds, so it is never ahead. */
export const systemClock: SampleClock = {
  now: () => BigInt(Date.now()) * 1_000_000n,
  monotonic: () => process.hrtime.bigint(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted === true) return resolve();
      const timer = setTimeout(resolve, ms);
      signal?.addEventListener('abort', () => {
        clearTimeout(timer);
        resolve();
      });
    }),
};
