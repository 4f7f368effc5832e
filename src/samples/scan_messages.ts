import type { Fault } from '../model/errors/fault.ts';
import type { CountOrder, StreamCounts } from './count_streams.ts';
import type { NewestJob, ScanResult } from './scan_segments.ts';
import type { TallyJob, TallyResult } from './tally_segments.ts';

/** A job for a scan worker: packets to be found, or to be counted. */
export type ScanWork =
  | { readonly kind: 'find'; readonly job: NewestJob; readonly count: CountOrder }
  | { readonly kind: 'tally'; readonly job: TallyJob };

/** A job on its way to a scan worker. */
export interface ScanOrder {
  readonly work: ScanWork;
  /** One 32-bit word: not 0 once nobody waits for the answer any more. */
  readonly cancel: SharedArrayBuffer;
}

/** A scan worker's answer. `cancelled` has nothing. */
export type ScanAnswer =
  /** With `counting`, one more answer follows: `counted`. */
  | { readonly kind: 'found'; readonly result: ScanResult; readonly counting: boolean }
  | { readonly kind: 'counted'; readonly counts: StreamCounts }
  | { readonly kind: 'tallied'; readonly result: TallyResult }
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'failed'; readonly fault: Fault };
