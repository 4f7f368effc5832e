import type { TimeNs } from '../../model/time.ts';

/** Of how many packets one was kept in (from, to]. */
export interface KnownRate {
  readonly from: TimeNs;
  readonly to: TimeNs;
  readonly rate: number;
}

/** What sampled packets stand for. */
export interface PacketsEstimated {
  /** How many packets really passed; undefined where it is not known for any of them. */
  readonly packets: bigint | undefined;
  /** Packets whose rate is not known: they are not counted. */
  readonly unknown: number;
}

/** Sampled packets in ascending time. */
export interface SampledTimes {
  readonly count: number;
  at(index: number): TimeNs;
}

/**
 * How many packets passed where those of `times` were kept: each stands for as many as the rate of its time says. Of one
 * whose rate is not known, or for whose time two different ones are said (the clock was set back), nothing can be said.
 */
export function packetsEstimated(times: SampledTimes, rates: readonly KnownRate[]): PacketsEstimated {
  const common = times.count === 0 ? undefined : commonRate(times.at(0), times.at(times.count - 1), rates);
  if (common !== undefined) return { packets: BigInt(times.count) * BigInt(common), unknown: 0 };
  let [packets, known, unknown] = [0n, 0, 0];
  for (let index = 0; index < times.count; index += 1) {
    const rate = rateAt(times.at(index), rates);
    if (rate === undefined) unknown += 1;
    else [packets, known] = [packets + BigInt(rate), known + 1];
  }
  const nothing = known === 0 && (unknown > 0 || rates.length === 0);
  return { packets: nothing ? undefined : packets, unknown };
}

/** The rate of all times from `first` to `last`, where only one is said for them, as nearly always. */
function commonRate(first: TimeNs, last: TimeNs, rates: readonly KnownRate[]): number | undefined {
  const touching = rates.filter(({ from, to }) => to >= first && from < last);
  const [only] = touching;
  return touching.length === 1 && only !== undefined && only.from < first && only.to >= last ? only.rate : undefined;
}

function rateAt(time: TimeNs, rates: readonly KnownRate[]): number | undefined {
  let found: number | undefined;
  for (const { from, to, rate } of rates) {
    if (time <= from || time > to || rate === found) continue;
    if (found !== undefined) return undefined;
    found = rate;
  }
  return found;
}
