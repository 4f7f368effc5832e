import type { TimeNs } from '../model/time.ts';

/** The first and the last of some packets. */
export interface TimeSpan {
  readonly oldest?: TimeNs;
  readonly newest?: TimeNs;
}

/** From the oldest to the newest of all that have any; neither where none has. */
export function timeSpan(parts: readonly TimeSpan[]): TimeSpan {
  let oldest: TimeNs | undefined;
  let newest: TimeNs | undefined;
  for (const part of parts) {
    if (part.oldest !== undefined && (oldest === undefined || part.oldest < oldest)) oldest = part.oldest;
    if (part.newest !== undefined && (newest === undefined || part.newest > newest)) newest = part.newest;
  }
  return oldest === undefined || newest === undefined ? {} : { oldest, newest };
}
