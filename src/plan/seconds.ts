/** Whole seconds as nanoseconds. */
export function seconds(count: number): bigint {
  return BigInt(count) * 1_000_000_000n;
}
