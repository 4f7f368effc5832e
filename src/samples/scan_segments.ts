import { readSync } from 'node:fs';
import { recordHeaderBytes } from '../pcap/pcap_record.ts';
import { pcapHeaderBytes } from '../pcap/pcap_header.ts';
import type { Program } from '../libpcap/program.ts';
import type { TimeNs } from '../model/time.ts';
import { keepWindow } from './keep_window.ts';
import { createNewestRecords, type NewestRecords, type NewestShare } from './newest_records.ts';
import { joinTime, splitTime } from './split_time.ts';

/** A segment to be searched, with a file that the caller holds open. */
export interface ScanSegment {
  /** Number of its stream, counted in the order of interface and link type. */
  readonly stream: number;
  readonly number: number;
  readonly descriptor: number;
  /** Bytes of the packet file that may be read. */
  readonly length: number;
  /** No packet in it is older, or newer. */
  readonly least: TimeNs;
  readonly greatest: TimeNs;
}

/** What one stream is searched with: one of the two at least. */
export interface ScanPrograms {
  readonly stream: number;
  readonly filter?: Program;
  /** For packets that may match by what is inside of them. */
  readonly inner?: { readonly linktype: number; readonly scope: Program; readonly program: Program };
}

/** What to look for, and where. */
export interface ScanJob {
  /** Packets later than `from`, and not later than `to`. */
  readonly from: TimeNs;
  readonly to: TimeNs;
  /** The newest so many. */
  readonly packet_limit: number;
  readonly snaplen_bytes: number;
  /** Records are handed back in pieces of at most so many bytes. */
  readonly piece_max_bytes: number;
  /** The filter of each stream that is searched. */
  readonly programs: readonly ScanPrograms[];
  readonly segments: readonly ScanSegment[];
}

/** Part of a segment that could not be read, as the time in which its packets may lie. */
export interface ScanDamage {
  readonly stream: number;
  readonly from: TimeNs;
  readonly to: TimeNs;
}

/** What was found. */
export interface ScanResult {
  readonly pieces: readonly NewestShare[];
  /** There may be older packets that match: the limit kept them out. */
  readonly truncated: boolean;
  readonly damage: readonly ScanDamage[];
}

/** Runs a filter over records; libpcap's matcher, or what a test has in its place. */
export interface ScanMatcher {
  match(records: Uint8Array): Uint8Array;
  close(): void;
}

/** What a scan runs on. */
export interface ScanPorts {
  openMatcher(programs: ScanPrograms): ScanMatcher;
  /** Does nobody wait for the answer any more? Asked once per chunk. */
  cancelled(): boolean;
  /** Bytes that are read at a time; 1 MiB by default. */
  readonly chunk_bytes?: number;
}

const default_chunk_bytes = 1 << 20;

/**
 * Finds the newest packets of a window that match: segment by segment in descending order of their greatest time, until nothing that is left
 * can be as new as the oldest of those found. Memory is bounded by the limit, whatever the store's size. Undefined where it
 * was cancelled.
 */
export function scanSegments(job: ScanJob, ports: ScanPorts): ScanResult | undefined {
  const newest = createNewestRecords(job.packet_limit, job.snaplen_bytes);
  const damage: ScanDamage[] = [];
  const matchers = new Map<number, ScanMatcher>();
  const bytes = new Uint8Array(ports.chunk_bytes ?? default_chunk_bytes);
  const newestFirst = job.segments.toSorted((a, b) =>
    a.greatest < b.greatest ? 1 : Number(a.greatest > b.greatest) * -1,
  );
  let skipped = false;
  try {
    for (const segment of newestFirst) {
      const programs = job.programs.find(({ stream }) => stream === segment.stream);
      if (programs === undefined || segment.greatest <= job.from || segment.least > job.to) continue;
      const floor = floorOf(newest);
      if (floor !== undefined && segment.greatest < floor) {
        skipped = true;
        break;
      }
      let matcher = matchers.get(segment.stream);
      if (matcher === undefined) matchers.set(segment.stream, (matcher = ports.openMatcher(programs)));
      const scanned = scanSegment(segment, job, newest, matcher, bytes, ports);
      if (scanned === undefined) return undefined;
      if (scanned.skipped) skipped = true;
      if (scanned.damage !== undefined) damage.push(scanned.damage);
    }
    return { pieces: newest.take(job.piece_max_bytes), truncated: newest.overflowed || skipped, damage };
  } finally {
    for (const matcher of matchers.values()) matcher.close();
  }
}

function floorOf(newest: NewestRecords): TimeNs | undefined {
  const { floor } = newest;
  return floor === undefined ? undefined : joinTime(floor.seconds, floor.nanos);
}

function scanSegment(
  segment: ScanSegment,
  job: ScanJob,
  newest: NewestRecords,
  matcher: ScanMatcher,
  bytes: Uint8Array,
  ports: ScanPorts,
): { readonly skipped: boolean; readonly damage?: ScanDamage } | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const until = splitTime(job.to);
  let [position, ordinal, skipped] = [pcapHeaderBytes, 0, false];
  let greatest = segment.least - 1n;
  while (position < segment.length) {
    if (ports.cancelled()) return undefined;
    const floor = floorOf(newest);
    // Of the same time as the oldest that is kept, one may still be newer in order.
    const narrowed = floor !== undefined && floor - 1n > job.from;
    const after = splitTime(narrowed ? floor - 1n : job.from);
    skipped ||= narrowed;
    const got = readSync(segment.descriptor, bytes, 0, Math.min(bytes.length, segment.length - position), position);
    const kept = keepWindow(bytes, view, 0, got, job.snaplen_bytes, { after, until });
    if (kept.end > 0) {
      const time = joinTime(kept.greatest_s, kept.greatest_ns);
      if (time > greatest) greatest = time;
    }
    ordinal = offerAll(matcher.match(bytes.subarray(0, kept.kept_end)), segment, newest, ordinal);
    position += kept.end;
    if (kept.damaged || kept.end === 0) {
      const to = segment.greatest;
      return { skipped, damage: { stream: segment.stream, from: greatest < to ? greatest : to - 1n, to } };
    }
  }
  return { skipped };
}

function offerAll(records: Uint8Array, segment: ScanSegment, newest: NewestRecords, first_ordinal: number): number {
  const view = new DataView(records.buffer, records.byteOffset, records.length);
  let ordinal = first_ordinal;
  for (let at = 0; at < records.length; at += recordHeaderBytes + view.getUint32(at + 8, true)) {
    newest.offer(records, view, at, { stream: segment.stream, segment: segment.number, ordinal });
    ordinal++;
  }
  return ordinal;
}
