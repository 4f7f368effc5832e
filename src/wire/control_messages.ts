import { type Static, Type } from 'typebox';
import { coveredShares } from '../model/covered.ts';
import { account, FaultValue, FilterOrder, signed } from './bus_fields.ts';

const name = Type.String({ minLength: 1, maxLength: 64 });
/** An estimate is many times what was counted. */
const count = Type.BigInt({ minimum: 0n, maximum: 2n ** 60n });
const address = Type.String({ minLength: 2, maxLength: 45 });
const bytes = Type.Refine(Type.Unsafe<Uint8Array>({}), (value) => value instanceof Uint8Array);

/** Your desired work has changed: ask for it now instead of at the next heartbeat. Losing it costs 2 s, nothing else. */
const Nudge = Type.Object({ kind: Type.Literal('nudge'), version: Type.Integer(), generation: Type.BigInt() });

/** The newest `packet_limit` samples in (from, to] that match. */
export const LookbackRequest = Type.Object({
  kind: Type.Literal('lookback'),
  version: Type.Integer(),
  account,
  filter: FilterOrder,
  from: Type.BigInt(),
  to: Type.BigInt(),
  packet_limit: Type.Integer({ minimum: 1, maximum: 10_000 }),
  /** Of this interface alone; of all by default. */
  interface: Type.Optional(name),
});

/** A look-back on its way to a sensor. */
export type LookbackRequest = Static<typeof LookbackRequest>;

/** What do your samples in (from, to] have that matches? Only counts are wanted. */
export const EstimateOrder = Type.Object({
  kind: Type.Literal('estimate'),
  version: Type.Integer(),
  account,
  filter: FilterOrder,
  from: Type.BigInt(),
  to: Type.BigInt(),
});

/** A question for counts on its way to a sensor. */
export type EstimateOrder = Static<typeof EstimateOrder>;

/** What control says to a sensor. A `lookback` and an `estimate` are answered. */
export const ControlRequest = Type.Union([Nudge, LookbackRequest, EstimateOrder]);

/** What control says to a sensor. */
export type ControlRequest = Static<typeof ControlRequest>;

/** What one interface's samples can say about a window. */
export const InterfaceCoverage = Type.Object({
  interface: name,
  linktype: Type.Optional(Type.Integer({ minimum: 0, maximum: 65_535 })),
  /** Every packet up to this moment was visible to the query. */
  watermark: Type.Optional(signed),
  gaps: Type.Array(Type.Object({ from: signed, to: signed, reason: Type.String({ maxLength: 512 }) })),
  dropped: count,
  /** At most `dropped` of the packets asked for were lost. */
  dropped_is_upper_bound: Type.Optional(Type.Boolean()),
  /** How much of the window the samples cover. A sensor of before leaves it out: then the gaps say it. */
  covered: Type.Optional(Type.Enum([...coveredShares])),
  /** The oldest moment from which the interface has samples, whatever was asked; absent where there are none. */
  samples_from: Type.Optional(signed),
  /** The newest moment up to which it has samples. */
  samples_to: Type.Optional(signed),
  /** At most so many samples match that are not in the answer: the filter reads behind what is kept of a packet. */
  unjudged: Type.Optional(Type.Integer({ minimum: 1, maximum: 2 ** 32 })),
  /** For how many packets those stand that match and that the limit has kept out; absent where it has kept out none. */
  kept_out_estimated: Type.Optional(count),
  /** Likewise those that would have matched, and were lost; absent where none were, or nobody can say. */
  lost_estimated: Type.Optional(count),
  rates: Type.Array(Type.Object({ from: signed, to: signed, rate: Type.Integer({ minimum: 1 }) })),
  /** The wall clock was set, and where it stood before that; near or in the window. */
  clock_set: Type.Optional(Type.Array(signed)),
  /** Why it is not being sampled now. */
  fault: Type.Optional(FaultValue),
  /** The filter cannot match on this link type. */
  excluded: Type.Optional(Type.String({ maxLength: 512 })),
});

/** What one interface's samples can say about a window. */
export type InterfaceCoverage = Static<typeof InterfaceCoverage>;

/** A look-back's answer: any number of `records`, ascending in time per interface, then one `end` or `refused`. */
export const LookbackReply = Type.Union([
  Type.Object({
    kind: Type.Literal('records'),
    interface: name,
    linktype: Type.Integer({ minimum: 0, maximum: 65_535 }),
    /** Whole little-endian nanosecond pcap records. */
    records: bytes,
  }),
  Type.Object({
    kind: Type.Literal('end'),
    coverage: Type.Array(InterfaceCoverage),
    /** There are or may be older packets that match: the limit kept them out. */
    truncated: Type.Optional(Type.Boolean()),
    /** The sensor's wall clock less its monotonic one when it answered, in nanoseconds. */
    clock_offset: Type.Optional(signed),
  }),
  Type.Object({ kind: Type.Literal('refused'), fault: FaultValue }),
]);

/** A look-back's answer. */
export type LookbackReply = Static<typeof LookbackReply>;

/** What the samples of one interface have that matches. */
export const InterfaceTally = Type.Object({
  coverage: InterfaceCoverage,
  /** Sampled packets, and their captured bytes. */
  packets: count,
  captured_bytes: count,
  /** How many packets, and whole bytes, that stands for. Absent where the sampling rate is not known. */
  estimated: Type.Optional(Type.Object({ packets: count, bytes: count })),
  /** The pairs of addresses with the most bytes: these first. */
  talkers: Type.Array(
    Type.Object({ source: address, destination: address, packets_estimated: count, bytes_estimated: count }),
    { maxItems: 64 },
  ),
});

/** What the samples of one interface have that matches. */
export type InterfaceTally = Static<typeof InterfaceTally>;

/** The one answer to an `estimate`. */
export const EstimateReply = Type.Union([
  Type.Object({ kind: Type.Literal('tally'), interfaces: Type.Array(InterfaceTally) }),
  Type.Object({ kind: Type.Literal('refused'), fault: FaultValue }),
]);

/** The one answer to an `estimate`. */
export type EstimateReply = Static<typeof EstimateReply>;
