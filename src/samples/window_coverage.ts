import type { TimeNs } from '../model/time.ts';
import { addRate, type RateSpan, type SegmentCover } from './segment_cover.ts';
import type { SealReason } from './segment_mark.ts';

/** Time of a window for which there are no samples, (from, to], and why. */
export interface Gap {
  readonly from: TimeNs;
  readonly to: TimeNs;
  readonly reason: GapReason;
}

/**
 * Why there are no samples: those of a segment's end, or `not_visible_yet` (the sampler had not got so far when the
 * query had to answer), `not_sampled` (nothing is known of that time: sampling began later, or its segments are gone),
 * `damaged` (a segment cannot be read any further).
 */
export type GapReason = Exclude<SealReason, 'size' | 'age' | 'rebuilt'> | 'not_visible_yet' | 'not_sampled' | 'damaged';

/** What an interface's samples can say about a window. */
export interface WindowCoverage {
  readonly gaps: readonly Gap[];
  readonly rates: readonly RateSpan[];
  /** Packets sampled and not kept. What was lost some time in a stretch that reaches beyond the window counts whole. */
  readonly dropped: bigint;
  /** Some of them may have been lost outside of the window. */
  readonly dropped_is_upper_bound?: true;
}

/** A window of time, (from, to]. */
export interface Window {
  readonly from: TimeNs;
  readonly to: TimeNs;
}

/**
 * Puts together what all segments of one interface cover of a window. `watermark` is that of an interface that is being
 * sampled now; `damage` are stretches that could not be read.
 */
export function windowCoverage(
  window: Window,
  covers: readonly SegmentCover[],
  watermark: TimeNs | undefined,
  damage: readonly Window[],
): WindowCoverage {
  const sorted = covers.toSorted((a, b) => compare(a.from, b.from) || compare(a.to, b.to));
  const gaps: Gap[] = [];
  const rates: RateSpan[] = [];
  let [dropped, bound] = [0n, false];
  let reached = window.from;
  let ended: SealReason | undefined;
  const addGap = (to: TimeNs): void => {
    const late = watermark !== undefined && to === window.to && watermark <= reached;
    gaps.push({ from: reached, to, reason: late ? 'not_visible_yet' : gapReason(ended) });
  };
  for (const cover of sorted) {
    if (cover.to <= window.from || cover.from >= window.to) {
      if (cover.to <= window.from) ended = cover.reason;
    } else {
      if (cover.from > reached) addGap(cover.from);
      const clipped = clip(cover, window);
      if (cover.reason === 'unsynced' && clipped !== undefined) gaps.push({ ...clipped, reason: 'unsynced' });
      for (const [from, reason] of [
        [cover.unsure_from, 'crash'],
        [cover.damaged_from, 'damaged'],
      ] as const) {
        const unsure = from === undefined ? undefined : clip({ from, to: cover.to }, window);
        if (unsure !== undefined) gaps.push({ ...unsure, reason });
      }
      if (cover.to >= reached) {
        reached = cover.to;
        ended = cover.reason;
      }
      for (const rate of cover.rates) {
        const clipped = clip(rate, window);
        if (clipped !== undefined) addRate(rates, { ...clipped, rate: rate.rate });
      }
    }
    for (const loss of cover.losses) {
      if (!touches(loss, window)) continue;
      dropped += loss.packets;
      if (loss.from < window.from || loss.to > window.to) bound = true;
    }
  }
  if (reached < window.to) addGap(window.to);
  for (const hole of damage) {
    const clipped = clip(hole, window);
    if (clipped !== undefined) gaps.push({ ...clipped, reason: 'damaged' });
  }
  const most = bound ? { dropped_is_upper_bound: true as const } : {};
  return { gaps: joined(gaps.sort((a, b) => compare(a.from, b.from))), rates, dropped, ...most };
}

/** Neighbours that have the same reason become one. */
function joined(sorted: readonly Gap[]): readonly Gap[] {
  const gaps: Gap[] = [];
  for (const gap of sorted) {
    const last = gaps.at(-1);
    if (last?.reason === gap.reason && gap.from <= last.to) {
      gaps[gaps.length - 1] = gap.to > last.to ? { ...last, to: gap.to } : last;
    } else gaps.push(gap);
  }
  return gaps;
}

function gapReason(ended: SealReason | undefined): GapReason {
  return ended === undefined || ended === 'size' || ended === 'age' || ended === 'rebuilt' || ended === 'unsynced'
    ? 'not_sampled'
    : ended;
}

/** A loss between two equal watermarks happened at that moment. */
function touches(loss: Window, window: Window): boolean {
  return loss.to > window.from && (loss.from < window.to || loss.to <= window.to);
}

function clip(span: Window, window: Window): Window | undefined {
  const from = span.from > window.from ? span.from : window.from;
  const to = span.to < window.to ? span.to : window.to;
  return from < to ? { from, to } : undefined;
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : Number(a > b);
}
