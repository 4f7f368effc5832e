import type { EstimateSpec } from '../model/estimate.ts';
import type { TimeNs } from '../model/time.ts';
import { seconds } from './seconds.ts';

/** Of a full capture, the least and the most of the recent past that is looked at. */
const observed_least_s = 10;
const observed_most_s = 300;

/**
 * The time whose samples an estimate is made from, (from, to]: a simple capture's own window; for a full one the recent past, as long as
 * the capture itself, but at least 10 s and at most 300 s.
 */
export function observedWindow(spec: EstimateSpec, now: TimeNs): { readonly from: TimeNs; readonly to: TimeNs } {
  if (spec.type === 'simple') return { from: spec.offset_time - seconds(spec.time_limit_s), to: spec.offset_time };
  const length_s = Math.min(observed_most_s, Math.max(observed_least_s, spec.time_limit_s));
  return { from: now - seconds(length_s), to: now };
}
