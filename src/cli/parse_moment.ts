import { parseTime } from '../model/time.ts';
import { parseDuration } from './parse_duration.ts';

/** A moment that a user has said. */
export interface Moment {
  /** Milliseconds since 1970, cut to whole ones. */
  readonly at_ms: number;
  /** How many seconds ago, where it was said so. */
  readonly ago_s?: number;
}

/** Reads a moment: an RFC 3339 time, or how long ago (`5m`); undefined when it is neither. */
export function parseMoment(text: string, now_ms: number): Moment | undefined {
  const ago_s = parseDuration(text);
  if (ago_s !== undefined) return { at_ms: now_ms - ago_s * 1000, ago_s };
  const time = parseTime(text);
  return time === undefined ? undefined : { at_ms: Number(time / 1_000_000n) };
}
