/** What the sampler of an interface has counted since it was last asked. */
export interface RateMeasure {
  /** Packets that passed the kernel's sampling, with those that were dropped afterwards. */
  readonly accepted: number;
  /** Of these, dropped because nobody took them out of the ring fast enough. */
  readonly dropped: number;
  readonly interval_s: number;
  /** The rate of all that time: 1 in this many was kept. A power of two. */
  readonly rate: number;
  /** Packets to be kept per second, at most. */
  readonly budget_pps: number;
}

/** What is remembered from one measure to the next. Begins as `fresh_rate_state`. */
export interface RateState {
  /** The last second or a little more, oldest first. `load_pps`: packets on the interface, kept or not. */
  readonly recent: readonly { readonly seconds: number; readonly load_pps: number }[];
  /** Time since the rate was changed, and since it was last lowered. */
  readonly unchanged_s: number;
  readonly lowered_ago_s: number;
  /** A rate is not lowered to one that just holds the budget before it was in force for so long. */
  readonly hold_s: number;
  /** For so long each second has been far below what the rate is for. */
  readonly far_s: number;
  /** Where packets were dropped: what may be kept per second instead of the budget, until that has grown back. */
  readonly limit_pps: number;
}

/** The loads of this time are looked at together: what a second may bring, a moment of it may bring too. */
const window_s = 1;
/** A rate that has to be raised again at once after it was lowered doubles the hold; after the most of it, it stays as it is. */
const hold_least_s = 1;
const hold_most_s = 64;
/** Of a rate that wandered up to a longer hold, a lull of a second may be chance: it has to last for as long as the budget takes for so many packets. */
const doubt_hold_s = 8;
const certain_packets = 400;
/** Where packets were dropped, so much of what got through is aimed at, and no less than so much of what had come. */
const after_drops = 0.75;
const after_drops_least = 1 / 8;
/** In this time that limit doubles. */
const limit_doubles_s = 20;
/** Farther apart no packet would say much. */
const rate_most = 2 ** 20;
/** A budget that is met exactly is not exceeded, however the sum was rounded. */
const slack = 1 + 1e-9;

/** Nothing has been measured yet. */
export const fresh_rate_state: RateState = {
  recent: [],
  unchanged_s: Infinity,
  lowered_ago_s: Infinity,
  hold_s: hold_least_s,
  far_s: 0,
  limit_pps: Infinity,
};

/**
 * Decides the rate that sampling goes on with: 1 where the budget allows it, else the least power of two that keeps to it.
 * To be asked several times a second.
 *
 * Within 2 s of a change in load the packets kept are at most the budget, and more than a quarter of it where the rate is not
 * 1. A load that fits the budget only just brings the rate down within 2 s as well where the rate was quiet before, and after up to
 * 64 s where it was not: a load that wanders around the budget moves the rate a dozen times in a minute and forty
 * times in ten at most. Where it has wandered for long, a load that falls far below is followed once 400 packets would have been
 * kept: of small budgets fewer may be chance. Drops raise the rate at once, and for a quarter of a minute or more.
 */
export function adaptRate(
  state: RateState,
  measure: RateMeasure,
): { readonly state: RateState; readonly rate: number } {
  const { accepted, dropped, interval_s, rate, budget_pps } = measure;
  if (interval_s <= 0) return { state, rate };
  const load_pps = (accepted * rate) / interval_s;
  const recent = lastSecond([...state.recent, { seconds: interval_s, load_pps }]);
  const unchanged_s = state.unchanged_s + interval_s;
  const lowered_ago_s = state.lowered_ago_s + interval_s;
  // What is dropped in the first second after a change may still be for what was before it.
  const dropping = dropped > 0 && unchanged_s >= window_s;
  const limit_pps = dropping
    ? limitAfterDrops(measure, state.limit_pps)
    : grown(state.limit_pps, interval_s, budget_pps);
  const allowed_pps = Math.min(budget_pps, limit_pps);
  const now: RateState = { ...state, recent, unchanged_s, lowered_ago_s, limit_pps };

  const mean_pps = meanOf(recent, window_s);
  if (rate < rate_most && (dropping || mean_pps > allowed_pps * rate * slack)) {
    const raised = Math.max(2 * rate, rateFor(Math.max(mean_pps, load_pps), allowed_pps));
    return { state: { ...now, unchanged_s: 0, hold_s: nextHold(now), far_s: 0 }, rate: Math.min(raised, rate_most) };
  }
  const { older_pps, newer_pps } = halvesOf(recent);
  const lowered = rateFor(newer_pps, allowed_pps);
  // A load that is still falling is waited for: one change will do.
  const settled = lowered >= rateFor(older_pps, allowed_pps);
  const far = Math.max(older_pps, newer_pps) <= (allowed_pps * rate) / 4;
  const far_s = far ? state.far_s + interval_s : 0;
  const certain = state.hold_s <= doubt_hold_s || far_s * allowed_pps >= certain_packets;
  if (lowered < rate && settled && unchanged_s >= (far && certain ? window_s : state.hold_s)) {
    return { state: { ...now, unchanged_s: 0, lowered_ago_s: 0, far_s: 0 }, rate: lowered };
  }
  return { state: { ...now, far_s }, rate };
}

/** The least power of two at which no more than `allowed_pps` of `load_pps` is kept. */
function rateFor(load_pps: number, allowed_pps: number): number {
  let rate = 1;
  while (rate < rate_most && load_pps > allowed_pps * rate * slack) rate *= 2;
  return rate;
}

function lastSecond(recent: RateState['recent']): RateState['recent'] {
  let seconds = recent.reduce((sum, one) => sum + one.seconds, 0);
  let first = 0;
  for (; first < recent.length - 1; first++) {
    seconds -= recent[first]?.seconds ?? 0;
    if (seconds < window_s) break;
  }
  return recent.slice(first);
}

/** Packets per second; of less than `least_s`, as if the rest had been quiet. */
function meanOf(recent: RateState['recent'], least_s: number): number {
  const seconds = recent.reduce((sum, one) => sum + one.seconds, 0);
  return recent.reduce((sum, one) => sum + one.seconds * one.load_pps, 0) / Math.max(seconds, least_s);
}

/** The means of both halves; of a single look, that is both. */
function halvesOf(recent: RateState['recent']): { readonly older_pps: number; readonly newer_pps: number } {
  const newer_pps = meanOf(recent.slice(Math.floor(recent.length / 2)), 0);
  return {
    older_pps: recent.length < 2 ? newer_pps : meanOf(recent.slice(0, Math.floor(recent.length / 2)), 0),
    newer_pps,
  };
}

/** The sooner a rate has to be raised again after it was lowered, the longer the next one waits. */
function nextHold({ hold_s, lowered_ago_s }: RateState): number {
  return Math.min(hold_most_s, Math.max(hold_least_s, hold_s * 2 ** (1 - lowered_ago_s / hold_most_s)));
}

function limitAfterDrops({ accepted, dropped, interval_s, budget_pps }: RateMeasure, limit_pps: number): number {
  const limit = Math.max(after_drops * (accepted - dropped), after_drops_least * accepted) / interval_s;
  return Math.min(limit_pps, Math.max(limit, budget_pps / rate_most));
}

function grown(limit_pps: number, interval_s: number, budget_pps: number): number {
  const limit = limit_pps * 2 ** (interval_s / limit_doubles_s);
  return limit < budget_pps ? limit : Infinity;
}
