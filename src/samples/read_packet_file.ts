import { readSync } from 'node:fs';
import { pcapHeaderBytes } from '../pcap/pcap_header.ts';
import type { SegmentSum } from './segment_mark.ts';
import { joinTime } from './split_time.ts';
import type { TimeNs } from '../model/time.ts';
import { walkRecords } from './walk_records.ts';

/** What a packet file holds up to its last whole record. */
export interface PacketFileContent {
  /** Offset after the last whole record. */
  readonly end: number;
  readonly records: number;
  readonly least?: TimeNs;
  readonly greatest?: TimeNs;
}

const chunk_bytes = 1 << 20;

/**
 * Reads a packet file from its first record up to `limit`. Where a record is not whole it goes on at the next sum, which is the end of a
 * record, and takes over from it what comes before; behind the last sum it stops there.
 */
export function readPacketFile(
  descriptor: number,
  limit: number,
  snaplen_bytes: number,
  sums: readonly SegmentSum[] = [],
): PacketFileContent {
  const bytes = new Uint8Array(chunk_bytes);
  const view = new DataView(bytes.buffer);
  let [end, records] = [pcapHeaderBytes, 0];
  let least: TimeNs | undefined;
  let greatest: TimeNs | undefined;
  const seen = (first: TimeNs, last: TimeNs): void => {
    if (least === undefined || first < least) least = first;
    if (greatest === undefined || last > greatest) greatest = last;
  };
  for (;;) {
    const sum = sums.find(({ offset }) => offset > end && offset <= limit);
    const wanted = Math.min(chunk_bytes, (sum?.offset ?? limit) - end);
    const got = wanted > 0 ? readSync(descriptor, bytes, 0, wanted, end) : 0;
    const walk = walkRecords(view, 0, got, snaplen_bytes);
    if (walk.records > 0) {
      seen(joinTime(walk.least_s, walk.least_ns), joinTime(walk.greatest_s, walk.greatest_ns));
    }
    end += walk.end;
    records += walk.records;
    if (walk.end > 0 && !walk.damaged) continue;
    if (sum === undefined) break;
    [end, records] = [sum.offset, sum.records];
    seen(sum.least, sum.greatest);
  }
  return { end, records, ...(least === undefined || greatest === undefined ? {} : { least, greatest }) };
}
