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
  const visit = ({ bytes, view, start, end, segment, ordinal }: MatchedRecords): void => {
    const place = { stream: segment.stream, segment: segment.number, ordinal };
    for (let at = start; at < end; at += recordHeaderBytes + view.getUint32(at + 8, true)) {
      newest.offer(bytes, view, at, place);
      place.ordinal += 1;
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
