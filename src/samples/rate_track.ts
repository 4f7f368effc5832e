import type { RateSpan } from './segment_cover.ts';
import { type SplitTime, splitTime } from './split_time.ts';

/** Tells at which rate a packet was sampled, packet by packet. */
export interface RateTrack {
  /** For how many packets one of this moment stands. */
  rateAt(seconds: number, nanos: number): number;
}

interface SplitSpan {
  readonly from: SplitTime;
  readonly to: SplitTime;
  readonly rate: number;
}

/**
 * Makes one of the rates that a segment or a stream records. A moment that no span covers, such as one behind the watermark, has the
 * rate of the span before it, or else of the one after it. Without any span every packet stands for itself, which is the least that it can.
 */
export function createRateTrack(spans: readonly RateSpan[]): RateTrack {
  const track = spans.map(({ from, to, rate }): SplitSpan => ({ from: splitTime(from), to: splitTime(to), rate }));
  let last = track[0];
  return {
    rateAt(seconds, nanos) {
      // Packets come nearly in order: nearly all lie in the span of the one before.
      if (last === undefined) return 1;
      if (!covers(last, seconds, nanos)) last = find(track, seconds, nanos) ?? last;
      return last.rate;
    },
  };
}

function find(track: readonly SplitSpan[], seconds: number, nanos: number): SplitSpan | undefined {
  let before: SplitSpan | undefined;
  let after: SplitSpan | undefined;
  for (const span of track) {
    if (covers(span, seconds, nanos)) return span;
    if (isBefore(span.to, seconds, nanos)) {
      if (before === undefined || isBefore(before.to, span.to.seconds, span.to.nanos)) before = span;
    } else if (after === undefined || isBefore(span.from, after.from.seconds, after.from.nanos)) after = span;
  }
  return before ?? after;
}

/** Is the moment in (from, to]? */
function covers({ from, to }: SplitSpan, seconds: number, nanos: number): boolean {
  return isBefore(from, seconds, nanos) && !isBefore(to, seconds, nanos);
}

function isBefore(time: SplitTime, seconds: number, nanos: number): boolean {
  return time.seconds < seconds || (time.seconds === seconds && time.nanos < nanos);
}
