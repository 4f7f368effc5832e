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
  readonly dropped: bigint;
  readonly lost: bigint;
  /** Time of its newest packet. */
  readonly greatest?: TimeNs;
}

/** Reads a segment's marks as what it covers; undefined where it has no good start mark. */
export function segmentCover({ marks }: SegmentMarks, live?: LiveCover): SegmentCover | undefined {
  const first = marks.find((mark) => mark !== 'damaged' && mark.kind === 'start');
  if (first === undefined || first === 'damaged') return undefined;
  const losses: LossSpan[] = [];
  const changes = new RateChanges(first);
  let before: SegmentMark = first;
  const lose = (mark: Pick<SegmentMark, 'watermark' | 'dropped' | 'lost'>): void => {
    const packets = mark.dropped + mark.lost - before.dropped - before.lost;
    if (packets > 0n) losses.push({ from: before.watermark, to: mark.watermark, packets });
  };
  let known = true;
  for (const mark of marks.slice(marks.indexOf(first) + 1)) {
    if (mark === 'damaged') {
      if (known) changes.add(before.watermark, 0);
      known = false;
      continue;
    }
    lose(mark);
    if (known && mark.rate_unknown_us !== undefined) changes.confirm(sinceOf(mark, known), mark.rate_unknown_us);
    if (!known || mark.rate !== changes.rate) changes.add(sinceOf(mark, known), mark.rate);
    before = mark;
    known = true;
  }
  if (live !== undefined) lose(live);
  const to = latest(first.watermark, before.watermark, live?.watermark);
  // Of an interface that is being sampled, or has just gone, packets are there that came after the watermark.
  const beyond = before.reason === 'interface_away' ? before.greatest : live?.greatest;
  const reason = before.reason === undefined ? {} : { reason: before.reason };
  return { from: first.watermark, to, rates: changes.spans(latest(to, beyond)), losses, ...reason };
}

/** From when on a mark's rate holds. Behind a damaged mark not before the mark itself. */
function sinceOf({ rate_since, watermark }: SegmentMark, known: boolean): TimeNs {
  if (rate_since === undefined) return watermark;
  return known ? rate_since : latest(rate_since, watermark);
}

/** The latest of some moments. */
export function latest(first: TimeNs, ...more: readonly (TimeNs | undefined)[]): TimeNs {
  return more.reduce((most: TimeNs, one) => (one !== undefined && one > most ? one : most), first);
}

/** The rates of a segment, in the order of time, which a mark of one does not go back behind. */
class RateChanges {
  readonly #changes: { readonly since: TimeNs; readonly rate: number }[];

  constructor({ watermark, rate }: SegmentMark) {
    this.#changes = [{ since: watermark, rate }];
  }

  get rate(): number {
    return this.#changes.at(-1)?.rate ?? 0;
  }

  add(since: TimeNs, rate: number): void {
    this.#changes.push({ since: latest(since, this.#changes.at(-1)?.since), rate });
  }

  /** The change that was announced came in so many microseconds before `since`: up to them the rate was what it had been. */
  confirm(since: TimeNs, unknown_us: number): void {
    const announced = this.#changes.at(-1);
    if (announced === undefined || announced.rate > 0) return;
    const begun = latest(announced.since, since - BigInt(unknown_us) * 1000n);
    this.#changes[this.#changes.length - 1] = { since: begun, rate: 0 };
  }

  /** All stretches up to a moment for which the rate is known. */
  spans(end: TimeNs): readonly RateSpan[] {
    const spans: RateSpan[] = [];
    for (const [index, { since, rate }] of this.#changes.entries()) {
      const next = this.#changes[index + 1]?.since ?? end;
      const to = next < end ? next : end;
      if (rate > 0 && to > since) addRate(spans, { from: since, to, rate });
    }
    return spans;
  }
}

/** Adds a stretch, joined with the one before it where they meet and agree. */
export function addRate(rates: RateSpan[], next: RateSpan): void {
  const last = rates.at(-1);
  if (last !== undefined && last.rate === next.rate && last.to === next.from)
    rates[rates.length - 1] = { ...last, to: next.to };
  else rates.push(next);
}
