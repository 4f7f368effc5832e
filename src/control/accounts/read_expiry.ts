import type { DatabaseClock } from '../../db/database.ts';
import { raise } from '../../model/errors/fault.ts';
import { parseTime, type TimeNs } from '../../model/time.ts';

const unit_ns = { m: 60_000_000_000n, h: 3_600_000_000_000n, d: 86_400_000_000_000n } as const;

/**
 * Reads when a token is to expire: so many minutes, hours or days from now (`30m`, `12h`, `90d`) or an RFC 3339 date and time
 * in the future. Gives a moment of the database's clock.
 *
 * @throws FaultError `setting_invalid`
 */
export function readExpiry(text: string, clock: Pick<DatabaseClock, 'now' | 'fromWall'>): TimeNs {
  const found = /^([1-9]\d{0,5})([mhd])$/.exec(text);
  const unit = found?.[2];
  const isSpan = unit === 'm' || unit === 'h' || unit === 'd';
  const now = clock.now();
  const date = isSpan ? undefined : parseTime(text);
  const dated = date === undefined ? undefined : clock.fromWall(date);
  const at = isSpan ? now + BigInt(found?.[1] ?? '0') * unit_ns[unit] : dated;
  // Later than a database's 64 bits of nanoseconds reach is not a moment that anybody means.
  if (at !== undefined && at > now && at < 2n ** 63n) return at;
  const expected = 'a time to live such as 12h or 90d, or a moment in the future such as 2030-01-31T08:00:00Z';
  return raise('setting_invalid', { setting: '--expires', value: text, expected });
}
