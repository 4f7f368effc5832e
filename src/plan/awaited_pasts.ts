import type { PartRecord } from '../model/record.ts';
import type { TimeNs } from '../model/time.ts';
import type { CaptureState } from './capture_state.ts';

/** A part whose past is known to be missing. */
export type PartWithoutPast = PartRecord & { readonly armed_at: TimeNs };

/** The parts of a capture that looks back whose past is neither fetched nor given up. What never armed has no past. */
export function awaitedPasts({ record, parts }: CaptureState): readonly PartWithoutPast[] {
  if (record.spec.type !== 'full' || record.spec.lookback_s === undefined) return [];
  return parts.filter((part): part is PartWithoutPast => part.armed_at !== undefined && part.past === undefined);
}
