import { recordHeaderBytes } from '../pcap/pcap_record.ts';

/** What a run of records in memory holds. Times are split, for a double does not hold nanoseconds since 1970. */
export interface RecordWalk {
  /** Offset after the last whole record. */
  readonly end: number;
  readonly records: number;
  readonly least_s: number;
  readonly least_ns: number;
  readonly greatest_s: number;
  readonly greatest_ns: number;
  /** The bytes at `end` can never become a whole record; false where only the rest of it is missing. */
  readonly damaged: boolean;
}

/** Can a record header never be one of a packet file? Sixteen zero bytes, for one, which a file system may leave behind, cannot. */
export function isNoRecord(nanos: number, captured: number, original: number, snaplen_bytes: number): boolean {
  return captured > snaplen_bytes || original < captured || original === 0 || nanos > 999_999_999;
}

/**
 * Goes from record to record over little-endian nanosecond pcap records, from `start` up to `limit`, and stops before the
 * first that is not whole, as docs/formats/segments.md defines it.
 */
export function walkRecords(view: DataView, start: number, limit: number, snaplen_bytes: number): RecordWalk {
  let [at, records] = [start, 0];
  let [leastS, leastNs, greatestS, greatestNs] = [0xffff_ffff, 999_999_999, 0, 0];
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
    if (seconds < leastS || (seconds === leastS && nanos < leastNs)) [leastS, leastNs] = [seconds, nanos];
    if (seconds > greatestS || (seconds === greatestS && nanos > greatestNs))
      [greatestS, greatestNs] = [seconds, nanos];
    at = next;
    records++;
  }
  return {
    end: at,
    records,
    least_s: leastS,
    least_ns: leastNs,
    greatest_s: greatestS,
    greatest_ns: greatestNs,
    damaged,
  };
}
