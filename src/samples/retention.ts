/** What retention looks at. */
export interface KeptSegment {
  /** All of its files. */
  readonly disk_bytes: number;
  /** When it was sealed, on this boot's monotonic clock in nanoseconds; below zero for a segment of an earlier boot. */
  readonly sealed_monotonic: bigint;
}

/** How long and how much is kept. */
export interface RetentionLimits {
  readonly age_limit_ns: bigint;
  readonly byte_budget: number;
}

/**
 * How many of the first segments go, of a list in the order in which they were sealed: all that are too old, then as many as it
 * takes until `total_bytes`, what all segments take with the open ones, is within the budget.
 */
export function countToEvict(
  sealed: readonly KeptSegment[],
  total_bytes: number,
  now_monotonic: bigint,
  limits: RetentionLimits,
): number {
  let [count, left] = [0, total_bytes];
  for (const segment of sealed) {
    const old = now_monotonic - segment.sealed_monotonic > limits.age_limit_ns;
    if (!old && left <= limits.byte_budget) break;
    left -= segment.disk_bytes;
    count++;
  }
  return count;
}
