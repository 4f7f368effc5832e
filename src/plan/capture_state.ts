import type { CaptureRecord, PartRecord } from '../model/record.ts';
import type { LimitName } from '../model/shared_limits.ts';

/** All that decides how a capture goes on. */
export interface CaptureState {
  readonly record: CaptureRecord;
  /** Ordered by `ordinal`. */
  readonly parts: readonly PartRecord[];
}

/** What the outside has to do after a step; doing it twice is harmless. */
export type Effect =
  /** The desired work of these sensors has changed: new generation, and a nudge. */
  | { readonly kind: 'work_changed'; readonly sensors: readonly string[] }
  /** Make the parts into the delivered file. */
  | { readonly kind: 'convert' }
  /** Ask the sample stores. */
  | { readonly kind: 'lookback' }
  /** Fetch the pasts of parts that have armed. */
  | { readonly kind: 'past' }
  /** Abort uploads and remove staged parts: nothing of them is needed any more. */
  | { readonly kind: 'discard' }
  /** A limit kept an interface from being captured. */
  | { readonly kind: 'limit_reached'; readonly limit: LimitName };

/** A new state and what follows from it. */
export interface Step {
  readonly state: CaptureState;
  readonly effects: readonly Effect[];
}
