/** When a look-back looks, as the API takes it. */
export interface LookbackWindow {
  readonly time_limit: number;
  /** Milliseconds since 1970; left out for now, by the server's clock. */
  readonly offset_ms?: number;
}

/** What a user said about when: a length in seconds, and moments in milliseconds since 1970. */
export interface LookbackWords {
  readonly time_s?: number;
  readonly since_ms?: number;
  readonly until_ms?: number;
}

/** How long a look-back looks back when nothing is said. */
const default_s = 60;

/**
 * The window that any one or two of length, start and end describe; the end is now, the length a minute by default. All three are
 * one too many: then undefined.
 */
export function lookbackWindow(
  { time_s, since_ms, until_ms }: LookbackWords,
  now_ms: number,
): LookbackWindow | undefined {
  const end = until_ms === undefined ? {} : { offset_ms: until_ms };
  if (since_ms === undefined) return { time_limit: time_s ?? default_s, ...end };
  if (time_s === undefined) {
    return { time_limit: Math.max(1, Math.ceil(((until_ms ?? now_ms) - since_ms) / 1000)), ...end };
  }
  if (until_ms !== undefined) return undefined;
  return { time_limit: time_s, offset_ms: since_ms + time_s * 1000 };
}
