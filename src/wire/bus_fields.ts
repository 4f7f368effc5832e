import { type Static, Type } from 'typebox';
import { limits } from '../model/limits.ts';

const id = Type.String({ pattern: '^[0-9a-f]{32}$' });
const name = Type.String({ minLength: 1, maxLength: 64 });
const count = Type.BigInt({ minimum: 0n });
const text = Type.String({ minLength: 1, maxLength: 4096 });

/** A fault as the bus carries it. */
export const FaultValue = Type.Object({
  name: Type.String({ maxLength: 64 }),
  code: Type.Integer({ minimum: 1000 }),
  message: Type.String({ maxLength: 4096 }),
});

/** What a sensor says of one of its interfaces. */
export const InterfaceState = Type.Object({
  name,
  index: Type.Integer({ minimum: 1 }),
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
  interfaces: Type.Array(name, { maxItems: limits.interfaces_max }),
  filter: FilterOrder,
  snaplen_bytes: Type.Integer({ minimum: 1, maximum: 262_144 }),
  packet_limit: Type.Optional(Type.Integer({ minimum: 1 })),
  byte_limit: Type.Optional(Type.Integer({ minimum: 1 })),
  time_limit_s: Type.Integer({ minimum: 1, maximum: 86_400 }),
  /** The absolute end, once a first sensor has armed, by control's clock. Only for sensors that do not know `remaining`. */
  deadline: Type.Optional(Type.BigInt()),
  /** Arming later than this makes no sense. Only for sensors that do not know `remaining`. */
  arm_before: Type.BigInt(),
  /**
   * What was left when control sent this, in nanoseconds; below zero where it is over. No clock of the one has to agree with one of
   * the other. Controls of the version before do not say it.
   */
  remaining: Type.Optional(
    Type.Object({
      /** Until arming makes no sense any more. */
      arm_ns: Type.BigInt(),
      /** Until capturing ends, once a first sensor has armed. */
      capture_ns: Type.Optional(Type.BigInt()),
      /** Until the sensor gives up delivering. */
      deliver_ns: Type.BigInt(),
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
  piece_bytes: Type.Integer({ minimum: 5_242_880 }),
  /** The sensor gives up delivering after this moment. Only for sensors that do not know `remaining`. */
  deliver_before: Type.BigInt(),
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
  sequence: Type.Integer({ minimum: 1 }),
  phase: Type.Union([Type.Literal('armed'), Type.Literal('ended'), Type.Literal('failed'), Type.Literal('excluded')]),
  /** Wall clock of the sensor when the kernel filter was in force on the interface. */
  armed_at: Type.Optional(Type.BigInt()),
  /** How long before this report was sent that was, in nanoseconds. Absent after a restart of the sensor. */
  armed_ago_ns: Type.Optional(count),
  /** That clock less the monotonic one at that moment, in nanoseconds. */
  clock_offset: Type.Optional(Type.BigInt()),
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
  length_bytes: Type.Integer({ minimum: 1 }),
  md5: Type.String({ pattern: '^[0-9a-f]{32}$' }),
  etag: Type.String({ minLength: 1, maxLength: 256 }),
});

/** One piece of an uploaded part. */
export type UploadedPiece = Static<typeof UploadedPiece>;
