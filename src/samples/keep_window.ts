import { recordHeaderBytes } from '../pcap/pcap_record.ts';
import type { SplitTime } from './split_time.ts';
import { isNoRecord } from './walk_records.ts';

/** What is left of a run of records. */
export interface WindowKept {
  /** Offset after the last record looked at. */
  readonly end: number;
  /** The records of the window lie from `start` to here. */
  readonly kept_end: number;
  /** The bytes at `end` can never become a whole record. */
  readonly damaged: boolean;
  /** Greatest time of all records looked at, kept or not. */
  readonly greatest_s: number;
  readonly greatest_ns: number;
}

/** Which times are kept: `after` itself is not, `until` is. */
export interface TimeWindow {
  readonly after: SplitTime;
  readonly until: SplitTime;
}

/**
 * Moves the records of a time window together at `start`, in their order, and says where they end. Bytes that are out of
 * the window are overwritten; where all are in it nothing moves.
 */
export function keepWindow(
  bytes: Uint8Array,
  view: DataView,
  start: number,
  limit: number,
  snaplen_bytes: number,
  { after, until }: TimeWindow,
): WindowKept {
  let [at, kept, run] = [start, start, start];
  let [greatestS, greatestNs] = [0, 0];
  let damaged = false;
  while (at + recordHeaderBytes <= limit) {
    const seconds = view.getUint32(at, true);
    const nanos = view.getUint32(at + 4, true);
    const captured = view.getUint32(at + 8, true);
    const original = view.getUint32(at + 12, true);
    if (isNoRecord(nanos, captured, original, snaplen_bytes)) {
      damaged = true;
      break;
    }
    const next = at + recordHeaderBytes + captured;
    if (next > limit) break;
    if (seconds > greatestS || (seconds === greatestS && nanos > greatestNs))
      [greatestS, greatestNs] = [seconds, nanos];
    const inside =
      (seconds > after.seconds || (seconds === after.seconds && nanos > after.nanos)) &&
      (seconds < until.seconds || (seconds === until.seconds && nanos <= until.nanos));
    if (!inside) {
      kept = moveRun(bytes, run, at, kept);
      run = next;
    }
    at = next;
  }
  return { end: at, kept_end: moveRun(bytes, run, at, kept), damaged, greatest_s: greatestS, greatest_ns: greatestNs };
}

function moveRun(bytes: Uint8Array, from: number, to: number, into: number): number {
  if (from !== into && from !== to) bytes.copyWithin(into, from, to);
  return into + (to - from);
}
