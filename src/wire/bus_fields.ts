import { type Static, Type } from 'typebox';
import { limits } from '../model/limits.ts';

/** Whose it is: what waits at a sensor gets its turn in round-robin order over accounts. A control of an earlier release does not say. */
export const account: Type.TOptional<Type.TString> = Type.Optional(Type.String({ pattern: '^[0-9a-f]{32}$' }));
const id = Type.String({ pattern: '^[0-9a-f]{32}$' });
const name = Type.String({ minLength: 1, maxLength: 64 });
/** A count, or a length of time in nanoseconds: so small that no sum of many leaves the 64 bits of a database. */
export const count: Type.TBigInt = Type.BigInt({ minimum: 0n, maximum: 2n ** 53n });
/** Nanoseconds since 1970 by any clock, a difference between two clocks, or what is left of a time. */
export const signed: Type.TBigInt = Type.BigInt({ minimum: -(2n ** 62n), maximum: 2n ** 62n });
/** A number that grows by one: exact in every language. */
export const ordinal: Type.TInteger = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const size = { minimum: 1, maximum: Number.MAX_SAFE_INTEGER };
const text = Type.String({ minLength: 1, maxLength: 4096 });

/** A fault as the bus carries it. */
export const FaultValue = Type.Object({
  name: Type.String({ maxLength: 64 }),
  code: Type.Integer({ minimum: 1000, maximum: 99_999 }),
  message: Type.String({ maxLength: 4096 }),
});

/** What a sensor says of one of its interfaces. */
export const InterfaceState = Type.Object({
  name,
  index: Type.Integer({ minimum: 1, maximum: 2 ** 31 }),
  up: Type.Boolean(),
  /** libpcap's DLT value, once the sensor could open the interface. */
  linktype: Type.Optional(Type.Integer({ minimum: 0, maximum: 65_535 })),
});

/** What a sensor says of one of its interfaces. */
export type InterfaceState = Static<typeof InterfaceState>;

/** A filter on its way to a sensor; empty texts restrict nothing. */
export const FilterOrder = Type.Object({
  /** The user's expression, which must compile alone before anything else is done with it. */
  expression_text: Type.String({ maxLength: 4096 }),
  /** Scope, filter_v1 and expression joined: matched against untagged, tagged and double-tagged packets alike. */
  any_tags_text: Type.String({ maxLength: 65_536 }),
  /** Of what that is joined: each is compiled by itself. A control of an earlier release does not say. */
  any_tags_parts: Type.Optional(Type.Array(Type.String({ maxLength: 65_536 }), { maxItems: 8 })),
  /** The expression again where it names `vlan` itself: matched as it is written. */
  own_tags_text: Type.String({ maxLength: 4096 }),
  /** Where IP packets inside of others may match instead: a packet whose outside is within the scope, and one in it that matches the text. */
  inner: Type.Optional(
    Type.Object({
      /** As `any_tags_text`, of the scope alone. */
      scope_text: Type.String({ maxLength: 65_536 }),
      /** filter_v1 and expression joined, for IP packets without a link layer. */
      text: Type.String({ maxLength: 65_536 }),
    }),
  ),
});

/** A filter on its way to a sensor. */
export type FilterOrder = Static<typeof FilterOrder>;

/** One capture that a sensor should be at work on. All of it, every time: the sensor compares. */
export const Assignment = Type.Object({
  capture_id: id,
  account,
  interfaces: Type.Array(name, { maxItems: limits.interfaces_max }),
  filter: FilterOrder,
  snaplen_bytes: Type.Integer({ minimum: 1, maximum: 262_144 }),
  packet_limit: Type.Optional(Type.Integer(size)),
  byte_limit: Type.Optional(Type.Integer(size)),
  time_limit_s: Type.Integer({ minimum: 1, maximum: 86_400 }),
  /** The absolute end, once a first sensor has armed, by control's clock. Only for sensors that do not know `remaining`. */
  deadline: Type.Optional(signed),
  /** Arming later than this makes no sense. Only for sensors that do not know `remaining`. */
  arm_before: signed,
  /**
   * What was left when control sent this, in nanoseconds; below zero where it is over. No clock of the one has to agree with one of
   * the other. Controls of the version before do not say it.
   */
  remaining: Type.Optional(
    Type.Object({
      /** Until arming makes no sense any more. */
      arm_ns: signed,
      /** Until capturing ends, once a first sensor has armed. */
      capture_ns: Type.Optional(signed),
      /** Until the sensor gives up delivering. */
      deliver_ns: signed,
    }),
  ),
  /** Capturing is to end for this reason. */
  stop: Type.Optional(
    Type.Union([
      Type.Literal('stopped'),
      Type.Literal('shutdown'),
      Type.Literal('packet_limit'),
      Type.Literal('byte_limit'),
      Type.Literal('time_limit'),
    ]),
  ),
  /** The capture looks back: packets stamped before `armed_at` belong to the samples and are left out. */
  lookback: Type.Optional(Type.Boolean()),
  /** The size of every piece of an upload but the last. */
  piece_bytes: Type.Integer({ minimum: 5_242_880, maximum: 2 ** 40 }),
  /** The sensor gives up delivering after this moment. Only for sensors that do not know `remaining`. */
  deliver_before: signed,
});

/** One capture that a sensor should be at work on. */
export type Assignment = Static<typeof Assignment>;

/**
 * The whole state of one part, numbered: of two reports the one with the greater (epoch, sequence) counts. `armed` and
 * `running` are alive, the others final for capturing.
 */
export const PartReport = Type.Object({
  capture_id: id,
  interface: name,
  sequence: Type.Integer(size),
  phase: Type.Union([Type.Literal('armed'), Type.Literal('ended'), Type.Literal('failed'), Type.Literal('excluded')]),
  /** Wall clock of the sensor when the kernel filter was in force on the interface. */
  armed_at: Type.Optional(signed),
  /** How long before this report was sent that was, in nanoseconds. Absent after a restart of the sensor. */
  armed_ago_ns: Type.Optional(count),
  /** That clock less the monotonic one at that moment, in nanoseconds. */
  clock_offset: Type.Optional(signed),
  linktype: Type.Optional(Type.Integer({ minimum: 0, maximum: 65_535 })),
  packets: Type.Optional(count),
  bytes: Type.Optional(count),
  dropped: Type.Optional(count),
  /** At most `dropped` of the packets asked for were lost. */
  dropped_is_upper_bound: Type.Optional(Type.Boolean()),
  interface_dropped: Type.Optional(count),
  file_bytes: Type.Optional(count),
  unordered: Type.Optional(Type.Boolean()),
  stop_reason: Type.Optional(
    Type.Union([
      Type.Literal('time_limit'),
      Type.Literal('packet_limit'),
      Type.Literal('byte_limit'),
      Type.Literal('stopped'),
      Type.Literal('shutdown'),
      Type.Literal('interface_removed'),
      Type.Literal('spool_full'),
      Type.Literal('crashed'),
      Type.Literal('error'),
    ]),
  ),
  fault: Type.Optional(FaultValue),
  /** What is or may be missing of the part, and why: the capture is then partial. */
  missing: Type.Optional(text),
  /** What else is worth knowing of it, as a pause of the interface: it changes no status. */
  note: Type.Optional(text),
});

/** The whole state of one part. */
export type PartReport = Static<typeof PartReport>;

/** One piece of an uploaded part, as the bucket confirmed it. */
export const UploadedPiece = Type.Object({
  number: Type.Integer({ minimum: 1, maximum: 10_000 }),
  length_bytes: Type.Integer(size),
  md5: Type.String({ pattern: '^[0-9a-f]{32}$' }),
  etag: Type.String({ minLength: 1, maxLength: 256 }),
});

/** One piece of an uploaded part. */
export type UploadedPiece = Static<typeof UploadedPiece>;
