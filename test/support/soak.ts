/** How many times as long everything that is random or repeated runs: 1 usually, more in a soak, a fraction where it is to be fast. */
export const soak: number = Number(process.env['EDGETAP_SOAK'] ?? '1');

/** So many runs where it is usually `usual`; one at least. */
export function times(usual: number): number {
  return Math.max(1, Math.ceil(usual * soak));
}
