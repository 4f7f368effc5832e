import type { SealedSegment } from './sealed_segment.ts';
import type { StreamName } from './stream_name.ts';

/** One stream of the store, open. */
export interface Stream extends StreamName {
  readonly directory: string;
  /** In the order of their numbers. */
  readonly sealed: SealedSegment[];
  next_number: number;
}
