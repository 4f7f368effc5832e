import type { LookbackCoverage } from '../samples/lookback.ts';
import { coveredShare } from '../plan/covered_time.ts';
import type { Window } from '../samples/window_coverage.ts';
import type { InterfaceCoverage } from '../wire/control_messages.ts';
import type { ExcludedReason } from './compile_for_samples.ts';

/** What an interface's samples can say about a window, as the bus carries it. */
export function coverageMessage(
  one: Omit<LookbackCoverage, 'packets'>,
  window: Window,
  excluded: ExcludedReason,
): InterfaceCoverage {
  const { interface: name, linktype, watermark, gaps, rates, dropped, clock_set } = one;
  return {
    interface: name,
    ...(linktype === undefined ? {} : { linktype }),
    ...(watermark === undefined ? {} : { watermark }),
    covered: coveredShare(window, gaps),
    gaps: gaps.map((gap) => ({ from: gap.from, to: gap.to, reason: gap.reason })),
    dropped,
    rates: rates.map((span) => ({ from: span.from, to: span.to, rate: span.rate })),
    ...(clock_set.length === 0 ? {} : { clock_set: [...clock_set] }),
    ...(one.excluded ? { excluded: excluded(linktype) } : {}),
  };
}
