import type { Moment } from './parse_moment.ts';

/** When a look-back looks, as the API takes it. */
export interface LookbackWindow {
  readonly time_limit: number;
  /** Milliseconds since 1970; left out for now, by the server's clock. */
  readonly offset_ms?: number;
}

/** What a user said about when: a length in seconds, and moments. */
export interface LookbackWords {
  readonly time_s?: number;
  readonly since?: Moment;
  readonly until?: Moment;
}

/** How long a look-back looks back when nothing is said. */
const default_s = 60;

/**
 * The window that any one or two of length, start and end describe; the end is now, the length a minute by default. It begins at the
 * start that was said or less than a second before it, however long the request is on its way. All three are one too many: then undefined.
 */
export function lookbackWindow({ time_s, since, until }: LookbackWords, now_ms: number): LookbackWindow | undefined {
  if (since === undefined) {
    return { time_limit: time_s ?? default_s, ...(until === undefined ? {} : { offset_ms: until.at_ms }) };
  }
  if (time_s !== undefined) {
    return until === undefined ? { time_limit: time_s, offset_ms: since.at_ms + time_s * 1000 } : undefined;
  }
  // So long ago by the server's clock: nobody else's matters.
  if (until === undefined && since.ago_s !== undefined) return { time_limit: Math.max(1, since.ago_s) };
  const offset_ms = until?.at_ms ?? now_ms;
  return { time_limit: Math.max(1, Math.ceil((offset_ms - since.at_ms) / 1000)), offset_ms };
}
