import { recordHeaderBytes } from '../pcap/pcap_record.ts';
import { createNewestRecords, type NewestShare } from './newest_records.ts';
import type { FoundDamage, ScanDamage, ScanJob } from './scan_job.ts';
import { type MatchedRecords, visitMatches, type VisitPorts } from './visit_matches.ts';

/** A job that wants the newest records. */
export interface NewestJob extends ScanJob {
  readonly packet_limit: number;
  /** Records are handed back in pieces of at most so many bytes. */
  readonly piece_max_bytes: number;
}

/** What was found. */
export interface ScanResult {
  readonly pieces: readonly NewestShare[];
  /** There may be older packets that match: the limit kept them out. */
  readonly truncated: boolean;
  readonly damage: readonly ScanDamage[];
  readonly found: readonly FoundDamage[];
}

/** Finds the newest packets of a window that match. Memory is bounded by the limit, whatever the store's size. Undefined where it was cancelled. */
export function scanSegments(job: NewestJob, ports: VisitPorts): ScanResult | undefined {
  const newest = createNewestRecords(job.packet_limit, job.snaplen_bytes);
  let begins = new Uint32Array(1024);
  const visit = ({ bytes, view, start, end, segment, ordinal }: MatchedRecords): void => {
    let records = 0;
    for (let at = start; at < end; at += recordHeaderBytes + view.getUint32(at + 8, true)) {
      if (records === begins.length) begins = doubled(begins);
      begins[records] = at;
      records += 1;
    }
    // The newest first: once there are enough, all that are left are older.
    const place = { stream: segment.stream, segment: segment.number, ordinal: ordinal + records };
    for (let index = records - 1; index >= 0; index -= 1) {
      place.ordinal -= 1;
      newest.offer(bytes, view, begins[index] ?? 0, place);
    }
  };
  const ended = visitMatches(job, ports, {
    get floor() {
      return newest.floor;
    },
    visit,
  });
  if (ended === undefined) return undefined;
  const truncated = newest.overflowed || ended.passed_over;
  return { pieces: newest.take(job.piece_max_bytes), truncated, damage: ended.damage, found: ended.found };
}

function doubled(from: Uint32Array): Uint32Array<ArrayBuffer> {
  const to = new Uint32Array(from.length * 2);
  to.set(from);
  return to;
}
