/** The lesser of 10 GB and a tenth of the free disk: the byte budget where the operator gives none. */
export function defaultByteBudget(free_bytes: number): number {
  return Math.min(10_000_000_000, Math.floor(free_bytes / 10));
}
