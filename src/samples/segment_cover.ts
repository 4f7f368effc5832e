import type { TimeNs } from '../model/time.ts';
import type { SealReason, SegmentMark, SegmentMarks } from './segment_mark.ts';

/** A stretch of time with one sampling rate, (from, to]. */
export interface RateSpan {
  readonly from: TimeNs;
  readonly to: TimeNs;
  /** 1 in this many packets was kept. */
  readonly rate: number;
}

/** Packets that were sampled and not kept, some time in (from, to]. */
export interface LossSpan {
  readonly from: TimeNs;
  readonly to: TimeNs;
  readonly packets: bigint;
}

/** What a segment says about a stretch of time, (from, to]. */
export interface SegmentCover {
  readonly from: TimeNs;
  readonly to: TimeNs;
  /** Where the rate is not known there is no span. */
  readonly rates: readonly RateSpan[];
  readonly losses: readonly LossSpan[];
  /** Why it ends; undefined while the segment grows. */
  readonly reason?: SealReason;
}

/** What is known beyond the last mark of a segment that grows. */
export interface LiveCover {
  readonly watermark: TimeNs;
  readonly rate: number;
  readonly dropped: bigint;
  readonly lost: bigint;
}

/** Reads a segment's marks as what it covers; undefined where it has no good start mark. */
export function segmentCover({ marks }: SegmentMarks, live?: LiveCover): SegmentCover | undefined {
  const first = marks.find((mark) => mark !== 'damaged' && mark.kind === 'start');
  if (first === undefined || first === 'damaged') return undefined;
  const rates: RateSpan[] = [];
  const losses: LossSpan[] = [];
  let before: SegmentMark = first;
  let known = true;
  const advance = (mark: LiveCover): void => {
    const [from, to] = [before.watermark, mark.watermark];
    if (to > from && known && before.rate > 0) addRate(rates, { from, to, rate: before.rate });
    const packets = mark.dropped + mark.lost - before.dropped - before.lost;
    if (packets > 0n) losses.push({ from, to, packets });
  };
  for (const mark of marks.slice(marks.indexOf(first) + 1)) {
    if (mark === 'damaged') {
      known = false;
      continue;
    }
    advance(mark);
    before = mark;
    known = true;
  }
  if (live !== undefined) advance(live);
  const to = live !== undefined && live.watermark > before.watermark ? live.watermark : before.watermark;
  const reason = before.reason === undefined ? {} : { reason: before.reason };
  return { from: first.watermark, to: to > first.watermark ? to : first.watermark, rates, losses, ...reason };
}

/** Adds a stretch, joined with the one before it where they meet and agree. */
export function addRate(rates: RateSpan[], next: RateSpan): void {
  const last = rates.at(-1);
  if (last !== undefined && last.rate === next.rate && last.to === next.from)
    rates[rates.length - 1] = { ...last, to: next.to };
  else rates.push(next);
}
