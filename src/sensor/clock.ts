import type { TimeNs } from '../model/time.ts';

/** Time as the sensor's loops see it. */
export interface Clock {
  /** Wall clock: for what packets are stamped by. It can be set at any moment, so nothing is timed by it. */
  now(): TimeNs;
  /** CLOCK_MONOTONIC, in nanoseconds: what runs out runs out by this one. */
  monotonic(): bigint;
  /** Resolves after so many milliseconds, or at once when the signal fires: the caller looks at it. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}
