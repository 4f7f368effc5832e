import type { TimeNs } from '../model/time.ts';

/** The clocks that the sample store goes by. */
export interface SampleClock {
  /** The wall clock, on which the kernel stamps packets. It can be set. */
  now(): TimeNs;
  /** CLOCK_MONOTONIC in nanoseconds: comparable between processes of one boot. */
  monotonic(): bigint;
  sleep(ms: number): Promise<void>;
}

/** The clocks of the system. `now` is cut to whole milliseconds, so it is never ahead. */
export const systemClock: SampleClock = {
  now: () => BigInt(Date.now()) * 1_000_000n,
  monotonic: () => process.hrtime.bigint(),
  sleep: (ms) =>
    new Promise((resolve) => {
      setTimeout(resolve, ms);
    }),
};
