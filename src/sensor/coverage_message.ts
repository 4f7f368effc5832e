import type { Fault } from '../model/errors/fault.ts';
import type { InterfaceCount, LookbackCoverage } from '../samples/lookback.ts';
import type { InterfaceCoverage } from '../wire/control_messages.ts';
import type { ExcludedReason } from './compile_for_samples.ts';

/** What else there is to say of an interface. */
export interface BesideCoverage extends Pick<InterfaceCount, 'kept_out_estimated' | 'lost_estimated'> {
  /** Why it is not being sampled. */
  readonly fault?: Fault;
}

/** What an interface's samples can say about a window, as the bus carries it. */
export function coverageMessage(
  one: Omit<LookbackCoverage, 'packets'>,
  excluded: ExcludedReason,
  { kept_out_estimated, lost_estimated, fault }: BesideCoverage = {},
): InterfaceCoverage {
  const { interface: name, linktype, watermark, gaps, rates, dropped, dropped_is_upper_bound, clock_set } = one;
  return {
    interface: name,
    ...(linktype === undefined ? {} : { linktype }),
    ...(watermark === undefined ? {} : { watermark }),
    covered: one.covered,
    ...(one.samples === undefined ? {} : { samples_from: one.samples.from, samples_to: one.samples.to }),
    gaps: gaps.map((gap) => ({ from: gap.from, to: gap.to, reason: gap.reason })),
    dropped,
    ...(one.unjudged === undefined ? {} : { unjudged: one.unjudged }),
    ...(kept_out_estimated === undefined ? {} : { kept_out_estimated }),
    ...(lost_estimated === undefined ? {} : { lost_estimated }),
    ...(dropped_is_upper_bound === undefined ? {} : { dropped_is_upper_bound }),
    rates: rates.map((span) => ({ from: span.from, to: span.to, rate: span.rate })),
    ...(clock_set.length === 0 ? {} : { clock_set: [...clock_set] }),
    ...(fault === undefined ? {} : { fault: { name: fault.name, code: fault.code, message: fault.message } }),
    ...(one.excluded ? { excluded: excluded(linktype) } : {}),
  };
}
