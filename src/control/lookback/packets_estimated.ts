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

/**
 * How many packets passed where those of `times` were kept: each stands for as many as the rate of its time says. Of one
 * whose rate is not known, or for whose time two different ones are said (the clock was set back), nothing can be said.
 */
export function packetsEstimated(times: Iterable<TimeNs>, rates: readonly KnownRate[]): PacketsEstimated {
  let [packets, known, unknown] = [0n, 0, 0];
  for (const time of times) {
    const rate = rateAt(time, rates);
    if (rate === undefined) unknown += 1;
    else [packets, known] = [packets + BigInt(rate), known + 1];
  }
  const nothing = known === 0 && (unknown > 0 || rates.length === 0);
  return { packets: nothing ? undefined : packets, unknown };
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
