import type { TimeNs } from '../model/time.ts';
import type { NewestShare } from './newest_records.ts';
import { NewestRuns } from './newest_runs.ts';
import type { FoundDamage, ScanDamage, ScanJob } from './scan_job.ts';
import { joinTime } from './split_time.ts';
import { type UnjudgedPackets, visitMatches, type VisitPorts } from './visit_matches.ts';

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
  /** The time of the oldest record, where the limit was reached: nothing older is among them. */
  readonly floor?: TimeNs;
  readonly damage: readonly ScanDamage[];
  readonly found: readonly FoundDamage[];
  readonly unjudged: readonly UnjudgedPackets[];
}

/** Finds the newest packets of a window that match. Memory is bounded by the limit, whatever the store's size. Undefined where it was cancelled. */
export function scanSegments(job: NewestJob, ports: VisitPorts): ScanResult | undefined {
  const newest = new NewestRuns(job.packet_limit, job.snaplen_bytes);
  const ended = visitMatches(job, ports, newest);
  if (ended === undefined) return undefined;
  const truncated = newest.overflowed || ended.passed_over;
  const { floor } = newest;
  return {
    pieces: newest.take(job.piece_max_bytes),
    truncated,
    ...(floor === undefined ? {} : { floor: joinTime(floor.seconds, floor.nanos) }),
    damage: ended.damage,
    found: ended.found,
    unjudged: ended.unjudged,
  };
}
