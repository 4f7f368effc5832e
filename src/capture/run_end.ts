import type { Fault } from '../model/errors/fault.ts';
import type { StopReason } from '../model/stop_reason.ts';
import type { RecordTime } from './record_sorter.ts';

/**
 * How one interface's capture ended. Every packet that passed the filter is in exactly one count:
 * accepted = packets + dropped + beyond_limit + earlier + unread.
 */
export interface RunEnd {
  readonly stop_reason: StopReason;
  /** Packets in the file, and their captured bytes. */
  readonly packets: bigint;
  readonly bytes: bigint;
  readonly accepted: bigint;
  /** Lost because the ring was full. */
  readonly dropped: bigint;
  /** Came when the limit was reached already: not wanted, so not lost. */
  readonly beyond_limit: bigint;
  /** Stamped before the moment of arming: they are in the samples that the file begins with. 0 without a look-back. */
  readonly earlier: bigint;
  /** Lost otherwise: read and not written, after the spool was full or a write had failed. */
  readonly unread: bigint;
  /** The records are not all in the order of their times. */
  readonly unordered: boolean;
  /** Length of the file, which ends with a whole record. */
  readonly file_bytes: number;
  /** The earliest and the latest time in the file; undefined where there is none, or it is not known. */
  readonly first: RecordTime | undefined;
  readonly last: RecordTime | undefined;
  readonly error: Fault | undefined;
  /** `dropped` and `unread` are bounds: at most so many of the packets asked for were lost. */
  readonly dropped_is_upper_bound?: boolean;
  /** What is or may be missing of the file, each with its reason, for people: the capture is then partial. */
  readonly missing?: readonly string[];
  /** What else happened, for people. */
  readonly notes: readonly string[];
}
