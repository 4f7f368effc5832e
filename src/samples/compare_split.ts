import type { SplitTime } from './split_time.ts';

/** Orders moments: below 0 where `a` is before `b`. */
export function compareSplit(a: SplitTime, b: SplitTime): number {
  return a.seconds - b.seconds || a.nanos - b.nanos;
}
