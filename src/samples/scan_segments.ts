import type { NewestShare } from './newest_records.ts';
import { NewestRuns } from './newest_runs.ts';
import type { FoundDamage, ScanDamage, ScanJob } from './scan_job.ts';
import { visitMatches, type VisitPorts } from './visit_matches.ts';

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
  const newest = new NewestRuns(job.packet_limit, job.snaplen_bytes);
  const ended = visitMatches(job, ports, newest);
  if (ended === undefined) return undefined;
  const truncated = newest.overflowed || ended.passed_over;
  return { pieces: newest.take(job.piece_max_bytes), truncated, damage: ended.damage, found: ended.found };
}
