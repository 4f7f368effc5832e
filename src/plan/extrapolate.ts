/** Matching packets of a stretch of time. */
export interface Traffic {
  readonly packets: bigint;
  readonly bytes: bigint;
}

/** What ends a capture before its time, where something does. */
export interface TrafficLimits {
  readonly packet_limit?: bigint;
  readonly byte_limit?: bigint;
}

/** What traffic becomes within limits. */
export interface LimitedTraffic extends Traffic {
  /** When the limit is reached, in nanoseconds; absent where it is not within the time. */
  readonly time_to_packet_limit_ns?: bigint;
  readonly time_to_byte_limit_ns?: bigint;
}

/** A count at the same rate over another time, to the nearest whole one. No time observed tells nothing: undefined. */
export function extrapolate(count: bigint, observed_ns: bigint, time_ns: bigint): bigint | undefined {
  return observed_ns <= 0n ? undefined : scaled(count, time_ns, observed_ns);
}

/**
 * Takes traffic that passes evenly over `time_ns` up to the first limit. `time_ns` is also how long a limit takes that is reached by
 * the very last packet.
 */
export function withinLimits(traffic: Traffic, limits: TrafficLimits, time_ns: bigint): LimitedTraffic {
  const { packets, bytes } = traffic;
  const { packet_limit, byte_limit } = limits;
  // The part of the time that each limit leaves, as a fraction; no division until the end keeps it exact.
  const by_packets =
    packet_limit !== undefined && packets >= packet_limit ? ([packet_limit, packets] as const) : undefined;
  const by_bytes = byte_limit !== undefined && bytes >= byte_limit ? ([byte_limit, bytes] as const) : undefined;
  const [part, of] = earlier(by_packets, by_bytes) ?? ([1n, 1n] as const);
  return {
    packets: scaled(packets, part, of),
    bytes: scaled(bytes, part, of),
    ...(by_packets === undefined ? {} : { time_to_packet_limit_ns: scaled(time_ns, ...by_packets) }),
    ...(by_bytes === undefined ? {} : { time_to_byte_limit_ns: scaled(time_ns, ...by_bytes) }),
  };
}

type Fraction = readonly [part: bigint, of: bigint];

function earlier(one: Fraction | undefined, other: Fraction | undefined): Fraction | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return one[0] * other[1] <= other[0] * one[1] ? one : other;
}

/** `count * part / of`, to the nearest whole number. */
function scaled(count: bigint, part: bigint, of: bigint): bigint {
  return (2n * count * part + of) / (2n * of);
}
