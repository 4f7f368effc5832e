import { readSync } from 'node:fs';
import type { RecordMemory } from '../libpcap/record_filter.ts';
import { pcapHeaderBytes } from '../pcap/pcap_header.ts';
import type { TimeNs } from '../model/time.ts';
import { compareSplit } from './compare_split.ts';
import { gatherBlocks } from './gather_blocks.ts';
import { IndexDamage, IndexNewer } from './index/index_damage.ts';
import type { IndexShelf } from './index/index_shelf.ts';
import { keepWindow } from './keep_window.ts';
import type { FoundDamage, ScanDamage, ScanJob, ScanSegment } from './scan_job.ts';
import { damagedStretchText, readSegmentSums, segmentStretches, StretchCheck } from './segment_stretches.ts';
import type { SegmentStretch } from './segment_stretches.ts';
import { type SegmentBlocks, segmentBlocks } from './segment_blocks.ts';
import { joinTime, type SplitTime, splitTime } from './split_time.ts';
import { type StreamMatcher, streamMatcher } from './stream_matcher.ts';

/** Records that match, in the order of their file. */
export interface MatchedRecords {
  /** Whole little-endian nanosecond pcap records from `start` to `end`. Good until the next. */
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly start: number;
  readonly end: number;
  readonly segment: ScanSegment;
  /** Counts up through a segment: that of the first record; each further one has one more. */
  readonly ordinal: number;
}

/** Takes what matches. */
export interface MatchVisitor {
  /** What is older than this is not wanted any more; undefined as long as everything is. */
  readonly floor: SplitTime | undefined;
  visit(records: MatchedRecords): void;
}

/** What a visit runs on. */
export interface VisitPorts {
  /** Takes 128 KiB at least. */
  readonly memory: RecordMemory;
  readonly indexes: IndexShelf;
  /** Does nobody wait for the answer any more? Asked for every batch. */
  cancelled(): boolean;
}

/** How a visit ended. */
export interface VisitEnd {
  /** Something was passed over because it was older than the visitor's floor. */
  readonly passed_over: boolean;
  /** Stretches of time whose packets may be missing. */
  readonly damage: readonly ScanDamage[];
  /** What is damaged, each file once. */
  readonly found: readonly FoundDamage[];
  /** Streams with packets that do not match only because what decides was not kept of them. */
  readonly unjudged: readonly UnjudgedPackets[];
}

/** How many packets of a stream could not be judged. */
export interface UnjudgedPackets {
  readonly stream: number;
  readonly packets: number;
}

/** The first batch is small: it may be all that is wanted. */
const first_batch_bytes = 64 * 1024;
/** Longer than any block: the last bytes of a batch may be a whole one. */
const spare_bytes = 8 * 1024;

/**
 * Visits every record of a job's window that matches: segment by segment in descending order of their greatest time, and where there is an
 * index, block by block from the last, until nothing that is left can be as new as the visitor's floor. Memory is that of the ports,
 * whatever the store's size. Undefined where it was cancelled.
 */
export function visitMatches(job: ScanJob, ports: VisitPorts, visitor: MatchVisitor): VisitEnd | undefined {
  const visit = new Visit(job, ports, visitor);
  const newestFirst = job.segments.toSorted((a, b) => Number(b.greatest - a.greatest));
  for (const segment of newestFirst) {
    if (segment.greatest <= job.from || segment.least > job.to) continue;
    if (visitor.floor !== undefined && compareSplit(splitTime(segment.greatest), visitor.floor) < 0) {
      visit.passed_over = true;
      break;
    }
    if (!visit.segment(segment)) return undefined;
  }
  const { passed_over, damage, found, unjudged } = visit;
  return { passed_over, damage, found, unjudged };
}

class Visit {
  passed_over = false;
  readonly damage: ScanDamage[] = [];
  readonly found: FoundDamage[] = [];
  readonly #job: ScanJob;
  readonly #ports: VisitPorts;
  readonly #visitor: MatchVisitor;
  readonly #until: SplitTime;
  readonly #matchers = new Map<number, StreamMatcher>();

  constructor(job: ScanJob, ports: VisitPorts, visitor: MatchVisitor) {
    this.#job = job;
    this.#ports = ports;
    this.#visitor = visitor;
    this.#until = splitTime(job.to);
  }

  get unjudged(): readonly UnjudgedPackets[] {
    const all = [...this.#matchers].map(([stream, { unjudged }]) => ({ stream, packets: unjudged }));
    return all.filter(({ packets }) => packets > 0);
  }

  /** False where it was cancelled. */
  segment(segment: ScanSegment): boolean {
    const matcher = this.#matcherOf(segment);
    if (matcher === undefined) return true;
    /** What lies from here on has been read. */
    const read = { from: segment.length };
    try {
      const blocks = segmentBlocks(segment, this.#job, this.#ports.indexes);
      if (blocks !== undefined) {
        // What no block has yet is newer than all that have one.
        if (!this.#readWhole(segment, blocks.end, read.from, matcher)) return false;
        read.from = blocks.end;
        return this.#readBlocks(segment, blocks, matcher, read);
      }
    } catch (error) {
      if (!(error instanceof IndexDamage)) throw error;
      const { stream, number } = segment;
      const newer = error instanceof IndexNewer ? { version: error.version } : {};
      this.found.push({ stream, segment: number, what: 'index', reason: error.message, ...newer });
    }
    return this.#readWhole(segment, pcapHeaderBytes, read.from, matcher);
  }

  #matcherOf(segment: ScanSegment): StreamMatcher | undefined {
    const known = this.#matchers.get(segment.stream);
    if (known !== undefined) return known;
    const filter = this.#job.filters.find(({ stream }) => stream === segment.stream);
    if (filter === undefined) return undefined;
    const matcher = streamMatcher(segment.linktype, filter, this.#job.inner?.program, this.#ports.memory);
    this.#matchers.set(segment.stream, matcher);
    return matcher;
  }

  /** Later than this is wanted: the window's beginning, or just before the floor, for of its very time one may still be newer in order. */
  #after(): SplitTime {
    const { floor } = this.#visitor;
    const from = splitTime(this.#job.from);
    if (floor === undefined) return from;
    const before = splitTime(joinTime(floor.seconds, floor.nanos) - 1n);
    if (compareSplit(before, from) <= 0) return from;
    this.passed_over = true;
    return before;
  }

  #readBlocks(segment: ScanSegment, blocks: SegmentBlocks, matcher: StreamMatcher, read: { from: number }): boolean {
    const { memory } = this.#ports;
    const most_bytes = memory.capacity_bytes - spare_bytes;
    let enough_bytes = Math.min(first_batch_bytes, most_bytes);
    for (let below = blocks.entries.count; ; ) {
      if (this.#ports.cancelled()) return false;
      const first = blocks.candidates.before(below);
      if (first < 0) return true;
      const after = this.#after();
      if (compareSplit(blocks.entries.newestUpTo(first), after) <= 0) return true;
      const window = { after, until: this.#until, enough_bytes };
      const got = gatherBlocks(segment.descriptor, blocks, below, window, memory);
      for (const { from, to } of got.damaged) this.#damaged(segment, from, to);
      this.#take(segment, got.start, memory.capacity_bytes, got.offset, got.within ? undefined : after, matcher);
      below = got.next;
      // Whatever the next page of the index is like, this has been read.
      if (got.offset > 0) read.from = got.offset;
      enough_bytes = Math.min(enough_bytes * 4, most_bytes);
    }
  }

  #damaged(segment: ScanSegment, from: SplitTime, to: SplitTime): void {
    const [least, greatest] = [joinTime(from.seconds, from.nanos), joinTime(to.seconds, to.nanos)];
    this.#lost(segment, least - 1n, greatest, 'the checksum of a block is wrong');
  }

  /** Packets of (from, to] may be missing, for a reason that is told once. */
  #lost({ stream, number }: ScanSegment, from: TimeNs, to: TimeNs, reason: string): void {
    this.damage.push({ stream, from, to });
    if (this.found.some((one) => one.what === 'packets' && one.stream === stream && one.segment === number)) return;
    this.found.push({ stream, segment: number, what: 'packets', reason });
  }

  /** Matches the records in memory and hands on those that are left. */
  #take(
    segment: ScanSegment,
    start: number,
    end: number,
    ordinal: number,
    after: SplitTime | undefined,
    matcher: StreamMatcher,
  ): void {
    const { bytes, view } = this.#ports.memory;
    let kept_end = end;
    if (after !== undefined) {
      const window = { after, until: this.#until };
      kept_end = keepWindow(bytes, view, start, end, this.#job.snaplen_bytes, window).kept_end;
    }
    const matched_end = kept_end > start ? matcher.match(start, kept_end) : start;
    if (matched_end > start) this.#visitor.visit({ bytes, view, start, end: matched_end, segment, ordinal });
  }

  /** Reads all records of the packet file from one place to another, where no index tells them apart. */
  #readWhole(segment: ScanSegment, from: number, end: number, matcher: StreamMatcher): boolean {
    if (from >= end) return true;
    const { header_path, length, checksum } = segment;
    for (const stretch of segmentStretches(readSegmentSums(header_path), length, checksum)) {
      if (stretch.to <= from || stretch.from >= end) continue;
      if (this.#ports.cancelled()) return false;
      // It comes only after what is newer: the floor may have risen past it.
      if (stretch.greatest !== undefined && compareSplit(splitTime(stretch.greatest), this.#after()) <= 0) continue;
      if (this.#isDamaged(segment, stretch)) continue;
      const part = { ...stretch, from: Math.max(from, stretch.from), to: Math.min(end, stretch.to) };
      const read = this.#readStretch(segment, part, matcher);
      if (read !== 'whole') return read === 'ended';
    }
    return true;
  }

  /** Has a stretch other bytes than were written? Then they may be any, and none of its packets is handed on. */
  #isDamaged(segment: ScanSegment, stretch: SegmentStretch): boolean {
    const { bytes, capacity_bytes } = this.#ports.memory;
    const check = new StretchCheck(stretch);
    const buffer = bytes.subarray(0, capacity_bytes);
    let state = check.step(segment.descriptor, buffer);
    while (state === 'more') state = check.step(segment.descriptor, buffer);
    if (state !== 'damaged') return false;
    const { after = segment.least - 1n, greatest = segment.greatest } = stretch;
    // Where the clock was set back, its packets may be older than the watermark before them.
    this.#lost(segment, after < greatest ? after : segment.least - 1n, greatest, damagedStretchText(stretch));
    return true;
  }

  /** Reads the records of a stretch; `ended` where there are none any more, which is told. */
  #readStretch(
    segment: ScanSegment,
    { from, to: end, after: begun = segment.least - 1n }: SegmentStretch,
    matcher: StreamMatcher,
  ): 'whole' | 'ended' | 'cancelled' {
    const { bytes, view, capacity_bytes } = this.#ports.memory;
    let greatest = begun;
    for (let position = from; position < end; ) {
      if (this.#ports.cancelled()) return 'cancelled';
      const after = this.#after();
      const length = Math.min(capacity_bytes, end - position);
      const got = readSync(segment.descriptor, bytes, 0, length, position);
      const kept = keepWindow(bytes, view, 0, got, this.#job.snaplen_bytes, { after, until: this.#until });
      if (kept.end > 0) {
        const time = joinTime(kept.greatest_s, kept.greatest_ns);
        if (time > greatest) greatest = time;
      }
      this.#take(segment, 0, kept.kept_end, position, undefined, matcher);
      position += kept.end;
      if (kept.damaged || kept.end === 0) {
        const to = segment.greatest;
        this.#lost(segment, greatest < to ? greatest : to - 1n, to, `no record at ${position}`);
        return 'ended';
      }
    }
    return 'whole';
  }
}
