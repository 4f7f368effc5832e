import { parseTime } from '../model/time.ts';
import { parseDuration } from './parse_duration.ts';

/**
 * Reads a moment: an RFC 3339 time, or how long ago (`5m`). Milliseconds since 1970, cut to whole ones; undefined when it is
 * neither.
 */
export function parseMoment(text: string, now_ms: number): number | undefined {
  const ago = parseDuration(text);
  if (ago !== undefined) return now_ms - ago * 1000;
  const time = parseTime(text);
  return time === undefined ? undefined : Number(time / 1_000_000n);
}
