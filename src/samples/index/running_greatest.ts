import { compareSplit } from '../compare_split.ts';
import type { SplitTime } from '../split_time.ts';

/** For each of `count` times, the greatest of it and of all before it. */
export function runningGreatest(count: number, at: (index: number) => SplitTime): readonly SplitTime[] {
  const all: SplitTime[] = [];
  let greatest: SplitTime = { seconds: 0, nanos: 0 };
  for (let index = 0; index < count; index += 1) {
    const one = at(index);
    if (compareSplit(one, greatest) > 0) greatest = one;
    all.push(greatest);
  }
  return all;
}
