import type { TimeNs } from '../model/time.ts';
import type { SealReason, SegmentMark, SegmentMarks } from './segment_mark.ts';

/** While a segment grows, the wall clock is moved by less than this against the monotonic one: else it would have ended. */
const clock_slack_ns = 500_000_000n;

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
  /**
   * After this moment packets may be missing between those that are there: the sampler died before it had handed over all of them, and told
   * what it had lost.
   */
  readonly unsure_from?: TimeNs;
  /** Likewise, where the packet file was cut, or the part of the header file is gone that told of losses. */
  readonly damaged_from?: TimeNs;
  /** Why it ends; undefined while the segment grows. */
  readonly reason?: SealReason;
}

/** What is known beyond the last mark of a segment that grows. */
export interface LiveCover {
  readonly watermark: TimeNs;
  /** Not before any packet that is counted here was lost. */
  readonly now: TimeNs;
  readonly dropped: bigint;
  readonly lost: bigint;
  /** Time of its newest packet. */
  readonly greatest?: TimeNs;
}

/**
 * Reads a segment's marks as what it covers; undefined where it has no good start mark. `clock_offset`: the wall clock less the monotonic one
 * when the segment was made, where that is known.
 */
export function segmentCover(read: SegmentMarks, live?: LiveCover, clock_offset?: bigint): SegmentCover | undefined {
  const { marks } = read;
  const first = marks.find((mark) => mark !== 'damaged' && mark.kind === 'start');
  if (first === undefined || first === 'damaged') return undefined;
  const changes = new RateChanges(first);
  let before: SegmentMark = first;
  let surely = first.watermark;
  let known = true;
  for (const mark of marks.slice(marks.indexOf(first) + 1)) {
    if (mark === 'damaged') {
      if (known) changes.add(before.watermark, 0);
      known = false;
      continue;
    }
    if (known && mark.rate_unknown_us !== undefined) changes.confirm(sinceOf(mark, known), mark.rate_unknown_us);
    if (!known || mark.rate !== changes.rate) changes.add(sinceOf(mark, known), mark.rate);
    if (mark.kind !== 'seal') surely = latest(surely, mark.watermark);
    before = mark;
    known = true;
  }
  const to = latest(first.watermark, before.watermark, live?.watermark);
  // Of an interface that is being sampled, or has just gone, packets are there that came after the watermark.
  const away = before.reason === 'interface_away' || before.reason === 'interface_renamed';
  const beyond = away ? before.greatest : live?.greatest;
  const reason = before.reason === undefined ? {} : { reason: before.reason };
  const losses = lossesOf(read, live, clock_offset);
  const unsure = surely < to ? unsureFrom(surely, before.reason) : {};
  return { from: first.watermark, to, rates: changes.spans(latest(to, beyond)), losses, ...unsure, ...reason };
}

function unsureFrom(
  surely: TimeNs,
  reason: SealReason | undefined,
): Pick<SegmentCover, 'unsure_from' | 'damaged_from'> {
  if (reason === 'crash') return { unsure_from: surely };
  return reason === 'rebuilt' ? { damaged_from: surely } : {};
}

/**
 * The losses of a segment: those that it tells one by one, and those that are only in the counts of its marks, as a version before this one
 * left all of them. Of these it is known that they had happened when the mark was written, and not yet when the one before was.
 */
function lossesOf(
  { marks, losses = [] }: SegmentMarks,
  live: LiveCover | undefined,
  clock_offset: bigint | undefined,
): readonly LossSpan[] {
  const spans = losses.map(({ from, to, dropped, lost }): LossSpan => ({ from, to, packets: dropped + lost }));
  let [told, counted] = [0n, 0n];
  let before: SegmentMark | undefined;
  const count = (mark: Pick<SegmentMark, 'dropped' | 'lost'>, to: TimeNs): void => {
    const packets = mark.dropped + mark.lost - told - counted;
    if (before === undefined || packets <= 0n) return;
    spans.push({ from: before.watermark, to, packets });
    counted += packets;
  };
  for (const [position, mark] of marks.entries()) {
    for (const loss of losses) if (loss.position === position) told += loss.dropped + loss.lost;
    if (mark === 'damaged') continue;
    const written = clock_offset === undefined || mark.monotonic === 0n ? undefined : mark.monotonic + clock_offset;
    count(mark, latest(mark.watermark, written === undefined ? undefined : written + clock_slack_ns));
    before = mark;
  }
  for (const loss of losses) if (loss.position >= marks.length) told += loss.dropped + loss.lost;
  if (live !== undefined) count(live, latest(live.watermark, live.now));
  return spans;
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
