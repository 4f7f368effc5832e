import { readSync } from 'node:fs';
import { recordHeaderBytes } from '../pcap/pcap_record.ts';
import { IndexDamage } from './index/index_damage.ts';
import { keepWindow } from './keep_window.ts';
import { createRateTrack, type RateTrack } from './rate_track.ts';
import type { ScanJob, ScanSegment } from './scan_job.ts';
import type { RateSpan } from './segment_cover.ts';
import { type SegmentBlocks, segmentBlocks } from './segment_blocks.ts';
import { splitTime } from './split_time.ts';
import { type StreamMatcher, streamMatcher } from './stream_matcher.ts';
import { visitMatches, type VisitPorts } from './visit_matches.ts';

/** What to count: the packets of one stream in the job's window that match. */
export interface CountJob {
  /** Its window is that of the count. */
  readonly job: ScanJob;
  readonly stream: number;
  /** At which rates the stream was sampled: each packet counts as many times as the rate of its moment says. */
  readonly rates: readonly RateSpan[];
}

/** How many packets those stand for that match. */
export interface MatchCount {
  readonly packets: number;
  /** All were looked at; otherwise it is an estimate from some of them. */
  readonly exact: boolean;
}

/** So many bytes of packets are read whole: within some ten milliseconds. */
const exact_max_bytes = 16 << 20;
/** Of more, blocks are drawn in so many segments, so many in each. */
const segments_drawn = 8;
const blocks_drawn = 8;
/** Where fewer than one in so many blocks may have a match, it is drawn from those alone. */
const narrow = 8;

/**
 * Counts the packets of a stream that match: all of them where that is little to read, otherwise from blocks that are drawn evenly over
 * the window. Undefined where nothing of it can be read, or it was cancelled.
 */
export function countMatches({ job, stream, rates }: CountJob, ports: VisitPorts): MatchCount | undefined {
  const segments = job.segments
    .filter((segment) => segment.stream === stream && segment.greatest > job.from && segment.least <= job.to)
    .toSorted((a, b) => (a.least < b.least ? -1 : 1));
  const weighed = segments.map((segment) => ({ segment, bytes: bytesWithin(segment, job) }));
  const all_bytes = weighed.reduce((sum, { bytes }) => sum + bytes, 0);
  const track = createRateTrack(rates);
  if (all_bytes <= exact_max_bytes) return countAll({ ...job, segments }, ports, track);
  const filter = job.filters.find((one) => one.stream === stream);
  const [first] = segments;
  if (filter === undefined || first === undefined) return undefined;
  const matcher = streamMatcher(first.linktype, filter, job.inner?.program, ports.memory);
  let [packets, bytes] = [0, 0];
  for (const drawn of drawnFrom(weighed, segments_drawn)) {
    if (ports.cancelled()) return undefined;
    const found = estimateSegment(drawn.segment, { job, ports, matcher, track });
    if (found === undefined) continue;
    packets += found;
    bytes += drawn.bytes;
  }
  return bytes === 0 ? undefined : { packets: Math.round((packets * all_bytes) / bytes), exact: false };
}

/** About so many bytes of a segment are in a window, if its packets came evenly. */
function bytesWithin({ least, greatest, length }: ScanSegment, { from, to }: Pick<ScanJob, 'from' | 'to'>): number {
  const begin = least > from ? least : from;
  const end = greatest < to ? greatest : to;
  const span = Number(greatest - least);
  return span === 0 ? length : (length * Math.max(1, Number(end - begin))) / span;
}

function countAll(job: ScanJob, ports: VisitPorts, track: RateTrack): MatchCount | undefined {
  let packets = 0;
  const visit = ({ view, start, end }: { view: DataView; start: number; end: number }): void => {
    packets += weightOf(view, start, end, track);
  };
  const ended = visitMatches(job, ports, { floor: undefined, visit });
  return ended === undefined ? undefined : { packets, exact: ended.damage.length === 0 };
}

/** For how many packets the records in [start, end) stand. */
export function weightOf(view: DataView, start: number, end: number, track: RateTrack): number {
  let packets = 0;
  for (let at = start; at < end; at += recordHeaderBytes + view.getUint32(at + 8, true)) {
    packets += track.rateAt(view.getUint32(at, true), view.getUint32(at + 4, true));
  }
  return packets;
}

/** Up to `count` of a list, evenly over all of it. */
function drawnFrom<T>(list: readonly T[], count: number): readonly T[] {
  if (list.length <= count) return list;
  return Array.from({ length: count }, (_, index) => list[Math.floor(((index + 0.5) * list.length) / count)]).flatMap(
    (one) => one ?? [],
  );
}

interface Drawing {
  readonly job: ScanJob;
  readonly ports: VisitPorts;
  readonly matcher: StreamMatcher;
  readonly track: RateTrack;
}

/** For how many packets of the window a segment's matches stand, as far as some of its blocks say; undefined where it has no index. */
function estimateSegment(segment: ScanSegment, { job, ports, matcher, track }: Drawing): number | undefined {
  let blocks: SegmentBlocks | undefined;
  try {
    blocks = segmentBlocks(segment, job, ports.indexes);
    if (blocks === undefined || blocks.entries.count === 0) return undefined;
    const { entries } = blocks;
    const { drawn, of } = drawBlocks(blocks);
    let found = 0;
    for (const block of drawn) {
      const [offset, end] = [entries.offset(block), entries.offset(block + 1)];
      found += weighBlock(segment, offset, end, { job, ports, matcher, track });
    }
    return drawn.length === 0 ? 0 : (found * of) / drawn.length;
  } catch (error) {
    // The look-back before it has told of that.
    if (error instanceof IndexDamage) return undefined;
    throw error;
  }
}

/** Blocks of a segment, and of how many they were drawn: a block that cannot have a match may be among them where many can. */
function drawBlocks({ entries, candidates }: SegmentBlocks): {
  readonly drawn: readonly number[];
  readonly of: number;
} {
  const { count } = entries;
  const known: number[] = [];
  for (let block = candidates.before(count); block >= 0 && known.length <= count / narrow; ) {
    known.push(block);
    block = candidates.before(block);
  }
  if (known.length <= count / narrow) return { drawn: drawnFrom(known, blocks_drawn), of: known.length };
  const all = Array.from({ length: blocks_drawn }, (_, index) => Math.floor(((index + 0.5) * count) / blocks_drawn));
  return { drawn: all, of: count };
}

function weighBlock(
  { descriptor }: ScanSegment,
  offset: number,
  end: number,
  { job, ports: { memory }, matcher, track }: Drawing,
): number {
  const length = Math.min(end - offset, memory.capacity_bytes);
  const got = readSync(descriptor, memory.bytes, 0, length, offset);
  const window = { after: splitTime(job.from), until: splitTime(job.to) };
  const { kept_end } = keepWindow(memory.bytes, memory.view, 0, got, job.snaplen_bytes, window);
  return weightOf(memory.view, 0, kept_end > 0 ? matcher.match(0, kept_end) : 0, track);
}
