import type { TimeNs } from '../model/time.ts';
import type { RateSpan } from './segment_cover.ts';

/** Is a moment between two spans of different rates, or at the end of all: where it is not known at which rate a packet was kept? */
export function isBetweenRates(rates: readonly RateSpan[], time: TimeNs): boolean {
  const before = rates.findLast(({ to }) => to < time);
  const after = rates.find(({ from }) => from >= time);
  return before?.rate !== after?.rate;
}
