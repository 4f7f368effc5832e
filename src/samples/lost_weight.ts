import type { SegmentCover } from './segment_cover.ts';
import type { Window } from './window_coverage.ts';

/**
 * For how many packets those samples stand that were lost within a window, as far as one can say: of a loss that reaches beyond it as
 * much as of its time is in it, each as often as the rate of its segment then says.
 */
export function lostWeight(covers: readonly SegmentCover[], window: Window): number {
  let weight = 0;
  for (const { losses, rates } of covers) {
    for (const { from, to, packets } of losses) {
      const begin = from > window.from ? from : window.from;
      const end = to < window.to ? to : window.to;
      if (to <= window.from || begin > end) continue;
      const share = to === from ? 1 : Number(end - begin) / Number(to - from);
      const rate = rates.find((span) => span.from < end && span.to > begin)?.rate ?? rates.at(-1)?.rate ?? 1;
      weight += Number(packets) * share * rate;
    }
  }
  return weight;
}
