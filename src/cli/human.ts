/** A count with its thousands apart: `1,234,567`. */
export function countText(count: number): string {
  return count.toLocaleString('en-US');
}

/** A size in the unit that suits it: `812 B`, `1.2 MB`. */
export function bytesText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let [value, unit] = [bytes, 0];
  while (value >= 999.5 && unit < units.length - 1) [value, unit] = [value / 1000, unit + 1];
  return `${unit === 0 || value >= 99.95 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** A duration as people say it: `45 s`, `5 min`, `1 h 30 min`. */
export function durationText(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 120) return `${whole} s`;
  const [minutes, rest] = [Math.floor(whole / 60), whole % 60];
  if (minutes < 120) return rest === 0 ? `${minutes} min` : `${minutes} min ${rest} s`;
  return minutes % 60 === 0 ? `${minutes / 60} h` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** A moment to the second, in UTC: `2026-01-31 08:00:00Z`. */
export function momentText(rfc3339: string): string {
  return rfc3339.replace('T', ' ').replace(/\.\d+Z$/, 'Z');
}

/** The text without what could steer a terminal: names and errors come from elsewhere. */
export function plainText(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}]/gu, '\ufffd');
}
