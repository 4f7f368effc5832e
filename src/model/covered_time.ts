import type { Covered } from './covered.ts';
import type { TimeNs } from './time.ts';

interface Stretch {
  readonly from: TimeNs;
  readonly to: TimeNs;
}

/** How much of a window is in none of these gaps, in nanoseconds. Gaps may overlap, reach beyond it, and come in any order. */
export function coveredTime(window: Stretch, gaps: readonly Stretch[]): bigint {
  let [covered, reached] = [0n, window.from];
  for (const gap of gaps.toSorted((one, other) => (one.from < other.from ? -1 : 1))) {
    if (gap.from >= window.to) break;
    if (gap.from > reached) covered += gap.from - reached;
    if (gap.to > reached) reached = gap.to;
  }
  return reached < window.to ? covered + window.to - reached : covered;
}

/** How much of a window is in none of these gaps, in a word. */
export function coveredShare(window: Stretch, gaps: readonly Stretch[]): Covered {
  const covered = coveredTime(window, gaps);
  if (covered === 0n) return 'nothing';
  return covered === window.to - window.from ? 'whole' : 'part';
}
