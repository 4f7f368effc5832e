/** A moment: nanoseconds since 1970-01-01T00:00:00Z, leap seconds not counted (as in POSIX). */
export type TimeNs = bigint;

const shape = /^(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,30}))?(?:([Zz])|([+-])(\d{2}):(\d{2}))$/;

/**
 * Reads an RFC 3339 date-time (section 5.6) to the nanosecond; finer digits are cut. A leap second, which is
 * 23:59:60 UTC and no other, is taken as the second after it. Undefined when the text is not one or names a day that does not exist.
 */
export function parseTime(text: string): TimeNs | undefined {
  const found = shape.exec(text);
  if (found === null) return undefined;
  const part = (index: number): number => Number(found[index] ?? '0');
  const [year, month, day, hour, minute, second] = [part(1), part(2), part(3), part(4), part(5), part(6)];
  const [offsetHour, offsetMinute] = [part(10), part(11)];
  if (month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 || second > 60) return undefined;
  if (offsetHour > 23 || offsetMinute > 59) return undefined;
  const midnight = new Date(0);
  midnight.setUTCFullYear(year, month - 1, day);
  if (midnight.getUTCMonth() !== month - 1 || midnight.getUTCDate() !== day) return undefined;
  const sign = found[9] === '-' ? 1 : -1;
  const seconds = hour * 3600 + minute * 60 + second + sign * (offsetHour * 3600 + offsetMinute * 60);
  if (second === 60 && seconds % 86_400 !== 0) return undefined;
  const fraction = BigInt((found[7] ?? '').padEnd(9, '0').slice(0, 9));
  return BigInt(midnight.getTime()) * 1_000_000n + BigInt(seconds) * 1_000_000_000n + fraction;
}

/** Writes a moment as RFC 3339 in UTC with six digits (microseconds, cut not rounded): the API's one form. */
export function formatTime(time: TimeNs): string {
  const ms = floorDiv(time, 1_000_000n);
  const us = Number((time - ms * 1_000_000n) / 1000n);
  return `${new Date(Number(ms)).toISOString().slice(0, -1)}${String(us).padStart(3, '0')}Z`;
}

function floorDiv(value: bigint, by: bigint): bigint {
  const quotient = value / by;
  return value % by < 0n ? quotient - 1n : quotient;
}
