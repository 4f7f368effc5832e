import type { Estimate, EstimateShare, EstimateSpec, Talker } from '../model/estimate.ts';
import type { TimeNs } from '../model/time.ts';
import { extrapolate, type LimitedTraffic, type Traffic, withinLimits } from './extrapolate.ts';
import { seconds } from './seconds.ts';
import { topTalkers } from './top_talkers.ts';

/** What the samples of one interface hold of the observed time. */
export interface Observation {
  /** Sampled packets that match, and their captured bytes. */
  readonly packets: bigint;
  readonly captured_bytes: bigint;
  /** How many that stands for; absent where the sampling rate is not known. */
  readonly estimated?: Traffic;
  /** How much of the observed time the samples cover. */
  readonly covered_ns: bigint;
  readonly talkers: readonly Talker[];
}

/** What one interface had to say; `observed` where it answered. */
export interface ObservedShare
  extends Omit<EstimateShare, 'packets' | 'bytes' | 'packets_estimated' | 'bytes_estimated'> {
  readonly observed?: Observation;
}

/** One interface's share of the answer, and its talkers. */
interface Weighed {
  readonly share: EstimateShare;
  readonly talkers: readonly Talker[];
}

const talkers_told = 10;

/**
 * What a capture would catch, judged by the samples of the observed time. A simple one looks at that very time: what is in the samples
 * counts as it is. A full one has it all still to come: what was observed goes on at the same rate for `time_limit`.
 */
export function estimateCapture(
  spec: EstimateSpec,
  observed: { readonly from: TimeNs; readonly to: TimeNs },
  shares: readonly ObservedShare[],
): Estimate {
  const weight = spec.type === 'simple' ? asItIs : goingOn(seconds(spec.time_limit_s));
  const weighed = shares.map((share) => weigh(share, weight));
  const told = weighed.map(({ share }) => share);
  const estimated = sumOf(told);
  const caught = spec.type === 'simple' ? caughtBack(spec, shares) : caughtAhead(spec, estimated);
  const rates = told.flatMap((share) => share.sample_rate ?? []);
  const missing = missingText(told, spec.type);
  return {
    type: spec.type,
    time_limit_s: spec.time_limit_s,
    observed_from: observed.from,
    observed_to: observed.to,
    ...caught,
    ...(estimated === undefined ? {} : { packets_estimated: estimated.packets, bytes_estimated: estimated.bytes }),
    ...(rates.length === 0 ? {} : { sample_rate: Math.max(...rates) }),
    ...(missing === '' ? {} : { error_message: missing }),
    talkers: topTalkers(
      weighed.map((one) => one.talkers),
      talkers_told,
    ),
    shares: told,
  };
}

/** The newest samples up to the limit; its time is how far back they reach, at the rate of the time that is covered. */
function caughtBack(
  spec: Extract<EstimateSpec, { type: 'simple' }>,
  shares: readonly ObservedShare[],
): LimitedTraffic | undefined {
  const time_ns = seconds(spec.time_limit_s);
  const limits = { packet_limit: BigInt(spec.packet_limit) };
  const observations = shares.flatMap((share) => share.observed ?? []);
  if (observations.length === 0) return undefined;
  const packets = observations.reduce((sum, one) => sum + one.packets, 0n);
  const bytes = observations.reduce((sum, one) => sum + one.captured_bytes, 0n);
  const dense = observations.reduce(
    (sum, one) => sum + (extrapolate(one.packets, one.covered_ns, time_ns) ?? one.packets),
    0n,
  );
  const { packets: kept, bytes: kept_bytes } = withinLimits({ packets, bytes }, limits, time_ns);
  const { time_to_packet_limit_ns } = withinLimits({ packets: dense, bytes }, limits, time_ns);
  const reached = packets >= limits.packet_limit && time_to_packet_limit_ns !== undefined;
  return { packets: kept, bytes: kept_bytes, ...(reached ? { time_to_packet_limit_ns } : {}) };
}

function caughtAhead(
  spec: Extract<EstimateSpec, { type: 'full' }>,
  estimated: Traffic | undefined,
): LimitedTraffic | undefined {
  if (estimated === undefined) return undefined;
  const { packet_limit, byte_limit } = spec;
  const limits = {
    ...(packet_limit === undefined ? {} : { packet_limit: BigInt(packet_limit) }),
    ...(byte_limit === undefined ? {} : { byte_limit: BigInt(byte_limit) }),
  };
  return withinLimits(estimated, limits, seconds(spec.time_limit_s));
}

/** How much passes in the time of the capture, of a count over the time that the samples cover; undefined where that tells nothing. */
type Weight = (count: bigint, covered_ns: bigint) => bigint | undefined;

/** Nothing is said of what passed while nothing was sampled. */
const asItIs: Weight = (count, covered_ns) => (covered_ns > 0n ? count : undefined);

function goingOn(time_ns: bigint): Weight {
  return (count, covered_ns) => extrapolate(count, covered_ns, time_ns);
}

function weigh({ observed, ...share }: ObservedShare, weight: Weight): Weighed {
  if (observed === undefined) return { share, talkers: [] };
  const { packets, captured_bytes, estimated, covered_ns, talkers } = observed;
  const counted = { ...share, packets, bytes: captured_bytes };
  const passing = estimated === undefined ? undefined : weighTraffic(estimated, covered_ns, weight);
  if (passing === undefined) return { share: counted, talkers: [] };
  return {
    share: { ...counted, packets_estimated: passing.packets, bytes_estimated: passing.bytes },
    talkers: talkers.flatMap((talker) => {
      const { packets_estimated, bytes_estimated } = talker;
      const own = weighTraffic({ packets: packets_estimated, bytes: bytes_estimated }, covered_ns, weight);
      return own === undefined ? [] : [{ ...talker, packets_estimated: own.packets, bytes_estimated: own.bytes }];
    }),
  };
}

function weighTraffic(traffic: Traffic, covered_ns: bigint, weight: Weight): Traffic | undefined {
  const [packets, bytes] = [weight(traffic.packets, covered_ns), weight(traffic.bytes, covered_ns)];
  return packets === undefined || bytes === undefined ? undefined : { packets, bytes };
}

/** The sum over the interfaces whose traffic is known; undefined where none is. */
function sumOf(shares: readonly EstimateShare[]): Traffic | undefined {
  return shares.reduce<Traffic | undefined>((sum, { packets_estimated, bytes_estimated }) => {
    if (packets_estimated === undefined || bytes_estimated === undefined) return sum;
    return { packets: (sum?.packets ?? 0n) + packets_estimated, bytes: (sum?.bytes ?? 0n) + bytes_estimated };
  }, undefined);
}

/** What is missing, for people; blank where nothing is. Interfaces that cannot match are told of only where all are such. */
function missingText(shares: readonly EstimateShare[], type: EstimateSpec['type']): string {
  const answered = shares.some((share) => share.status === 'done');
  const missing = shares.flatMap((share): readonly string[] => {
    const { status, packets_estimated, error = 'no answer' } = share;
    const where = `${share.sensor}/${share.interface}`;
    if (status === 'done') {
      // A simple capture has what is in the samples, whatever they do not cover; of a full one nothing can be said then.
      const known = packets_estimated !== undefined || type === 'simple';
      return known ? [] : [`${where}: its samples tell nothing of the observed time`];
    }
    return status === 'excluded' && answered ? [] : [`${where}: ${error}`];
  });
  return answered || missing.length > 0 ? missing.join('; ') : 'no sensor has samples for this account';
}
