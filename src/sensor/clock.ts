import type { TimeNs } from '../model/time.ts';

/** Time as the sensor's loops see it. */
export interface Clock {
  /** Wall clock. */
  now(): TimeNs;
  /** Resolves after so many milliseconds, or at once when the signal fires: the caller looks at it. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}
