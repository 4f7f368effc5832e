/** The longest that a server's Retry-After is followed. */
const wait_max_ms = 30_000;

/** Does sending a refused request again by itself make sense? The server's own word counts first. */
export function mayRetry({ status, headers }: Pick<Response, 'status' | 'headers'>): boolean {
  const said = headers.get('x-should-retry');
  if (said !== null) return said === 'true';
  return status === 408 || status === 429 || status === 502 || status === 503 || status === 504;
}

/** How long to wait before the next try, in milliseconds: as told, or 0.5 s doubled with each try. */
export function waitFor(tries: number, retryAfter: string | null = null): number {
  const told = retryAfter === null ? Number.NaN : Number.parseFloat(retryAfter) * 1000;
  return Number.isFinite(told) && told >= 0 ? Math.min(told, wait_max_ms) : 250 * 2 ** tries;
}
