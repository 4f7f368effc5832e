/** The earlier of two moments; a missing one is later than any. */
export function earlier(one: bigint | undefined, other: bigint): bigint {
  return one === undefined || other < one ? other : one;
}
