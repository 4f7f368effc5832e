import type { TimeNs } from '../model/time.ts';
import type { SegmentCover } from './segment_cover.ts';

/** A segment whose packets never change again. */
export interface SealedSegment {
  readonly number: number;
  /** Bytes of the packet file up to its last whole record. */
  readonly length: number;
  /** Its packet file and its header. */
  readonly disk_bytes: number;
  /** Its index file; absent as long as it has none that can be used. */
  index_bytes?: number;
  readonly records: number;
  /** Least and greatest packet time; absent without a record. */
  readonly least?: TimeNs;
  readonly greatest?: TimeNs;
  readonly cover: SegmentCover;
  /** On this boot's monotonic clock in nanoseconds; below zero for a segment of an earlier boot. */
  readonly sealed_monotonic: bigint;
}
