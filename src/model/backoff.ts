/** How long to wait between tries. */
export interface Backoff {
  /** Before the second try, in milliseconds. */
  readonly base_ms: number;
  /** Never longer than this. */
  readonly cap_ms: number;
}

/**
 * The pause after the `failures`-th failure in a row (1 is the first), in milliseconds: doubles each time up to the cap,
 * and lies anywhere in the upper half of that, so that many clients do not come back at one moment. `random` is in [0, 1).
 */
export function backoffMs({ base_ms, cap_ms }: Backoff, failures: number, random: number): number {
  const full = Math.min(cap_ms, base_ms * 2 ** Math.min(52, Math.max(0, failures - 1)));
  return Math.round(full * (0.5 + random / 2));
}
