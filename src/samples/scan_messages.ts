import type { Fault } from '../model/errors/fault.ts';
import type { NewestJob, ScanResult } from './scan_segments.ts';

/** A job for a scan worker. */
export interface ScanOrder {
  readonly job: NewestJob;
  /** One 32-bit word: not 0 once nobody waits for the answer any more. */
  readonly cancel: SharedArrayBuffer;
}

/** A scan worker's answer. `cancelled` has nothing. */
export type ScanAnswer =
  | { readonly kind: 'found'; readonly result: ScanResult }
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'failed'; readonly fault: Fault };
