import { type Static, Type } from 'typebox';
import { limits } from '../model/limits.ts';
import {
  Assignment,
  count,
  FaultValue,
  InterfaceState,
  ordinal,
  PartReport,
  signed,
  UploadedPiece,
} from './bus_fields.ts';

const id = Type.String({ pattern: '^[0-9a-f]{32}$' });
const name = Type.String({ minLength: 1, maxLength: 64 });
const from = {
  version: Type.Integer(),
  sensor: name,
  epoch: Type.String({ minLength: 1, maxLength: 64 }),
  /** What it is, whatever it is called. A sensor of before leaves it out. */
  sensor_id: Type.Optional(id),
};

/** How the samples of one interface are. */
export const SampleState = Type.Object({
  interface: name,
  rate: Type.Integer({ minimum: 1, maximum: 2 ** 32 }),
  packets: count,
  dropped: count,
  bytes: count,
  oldest: Type.Optional(signed),
  fault: Type.Optional(FaultValue),
});

/** Every 2 s: I live, this is what I am, this is the generation of the work that I have. */
const Heartbeat = Type.Object({
  kind: Type.Literal('heartbeat'),
  ...from,
  colo: name,
  generation: Type.BigInt(),
  interfaces: Type.Array(InterfaceState, { maxItems: limits.interfaces_max }),
  spool_used_bytes: count,
  spool_limit_bytes: count,
  samples: Type.Array(SampleState, { maxItems: limits.interfaces_max }),
  /** So many rings fit into its memory, one for each interface of each capture. A sensor of before does not say. */
  rings_max: Type.Optional(Type.Integer({ minimum: 0, maximum: 2 ** 32 })),
  /** It serves whatever interface comes: one that comes while a capture runs is taken into it. */
  serves_all: Type.Optional(Type.Boolean()),
  /** Of the accounts' shares of its spool: the fullest, in hundredths of what it may grow to, and the captures that such a share has ended. */
  spool_shares: Type.Optional(
    Type.Object({
      used_percent: Type.Number({ minimum: 0, maximum: 100 }),
      refused: Type.Integer({ minimum: 0, maximum: 2 ** 53 }),
    }),
  ),
  /** What it keeps for a person to look at. */
  set_aside: Type.Optional(Type.Array(FaultValue, { maxItems: limits.set_aside_told_max })),
});

const part = Type.Object({ capture_id: id, interface: name });
const parts = Type.Array(part, { maxItems: limits.parts_told_max });

/** What should I be doing? All of it. And which of the parts that I hold are over? */
const DesiredRequest = Type.Object({ kind: Type.Literal('desired'), ...from, holds: Type.Optional(parts) });

/** States of parts; repeated until the answer lists them as committed. */
const ReportRequest = Type.Object({
  kind: Type.Literal('report'),
  ...from,
  reports: Type.Array(PartReport, { maxItems: 1024 }),
});

/** Sign one piece of a part, so that I can PUT it. */
const SignRequest = Type.Object({
  kind: Type.Literal('sign'),
  ...from,
  capture_id: id,
  interface: name,
  /** Counts up when the part is sent anew from its first byte, as after sorting it. */
  attempt: ordinal,
  piece: Type.Object({
    number: Type.Integer({ minimum: 1, maximum: 10_000 }),
    length_bytes: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
    md5_base64: Type.String({ minLength: 24, maxLength: 24 }),
  }),
});

/** Where a record of a file ends, with the packets and captured bytes before that, and the CRC-32 of everything before it. */
const FileSum = Type.Object({
  end_bytes: ordinal,
  packets: ordinal,
  bytes: ordinal,
  checksum: Type.Integer({ minimum: 0, maximum: 0xffff_ffff }),
});

/** Every piece of a part is in the bucket: put it together. */
const UploadedRequest = Type.Object({
  kind: Type.Literal('uploaded'),
  ...from,
  capture_id: id,
  interface: name,
  attempt: ordinal,
  pieces: Type.Array(UploadedPiece, { minItems: 1, maxItems: 10_000 }),
  size_bytes: count,
  sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }),
  /** What the file was when it was written, so that what is whole of it can be told from what is not, should it be damaged in staging. */
  sums: Type.Optional(Type.Array(FileSum, { maxItems: limits.file_sums_max })),
});

/** Everything that a sensor asks of control. */
export const SensorRequest = Type.Union([Heartbeat, DesiredRequest, ReportRequest, SignRequest, UploadedRequest]);

/** Everything that a sensor asks of control. */
export type SensorRequest = Static<typeof SensorRequest>;

/** Control's answers, in the order of the requests; `refused` answers any. */
export const ControlReply = Type.Union([
  Type.Object({ kind: Type.Literal('heartbeat_ok'), generation: Type.BigInt() }),
  Type.Object({
    kind: Type.Literal('work'),
    generation: Type.BigInt(),
    assignments: Type.Array(Assignment),
    /** Those of the parts held that control knows, and wants nothing of any more: the sensor is to remove them. Those it does not know are in neither list. */
    over: Type.Optional(parts),
  }),
  Type.Object({
    kind: Type.Literal('report_ok'),
    committed: Type.Array(Type.Object({ capture_id: id, interface: name, sequence: Type.Integer({ minimum: 1 }) })),
    /** Parts whose report could not be taken: nothing more is wanted of them, and nothing is to be removed. */
    refused: Type.Optional(Type.Array(Type.Object({ capture_id: id, interface: name, fault: FaultValue }))),
  }),
  Type.Object({
    kind: Type.Literal('signed'),
    url: Type.String(),
    headers: Type.Record(Type.String(), Type.String()),
    /** By control's clock. Only for sensors that do not know `valid_ns`. */
    expires_at: Type.BigInt(),
    /** How long the URL is good for, in nanoseconds. */
    valid_ns: Type.Optional(Type.BigInt()),
    /** The URL is control's own intake, not a user's bucket: it may be a loopback or private address. */
    own: Type.Boolean(),
  }),
  Type.Object({ kind: Type.Literal('uploaded_ok') }),
  Type.Object({ kind: Type.Literal('refused'), fault: FaultValue }),
]);

/** Control's answers. */
export type ControlReply = Static<typeof ControlReply>;
