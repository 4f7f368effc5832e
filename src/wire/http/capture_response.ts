import { type Static, Type } from 'typebox';
import { coveredShares } from '../../model/covered.ts';
import { statuses } from '../../model/status.ts';
import { stopReasons } from '../../model/stop_reason.ts';
import { byType } from './by_type.ts';
import { FilterSchema } from './filter_schema.ts';

const time = (description: string) => Type.String({ format: 'date-time', description });
const bound = (of: string) =>
  Type.Boolean({ description: `At most \`${of}\` of the packets asked for were lost: how many exactly is not known.` });
const covered = Type.Enum([...coveredShares], {
  type: 'string',
  description: 'How much of its window the samples cover.',
});
const count = (description: string) => Type.Integer({ minimum: 0, description });

/** What one interface's samples gave to a full capture that looks back. */
const PastResult = Type.Object(
  {
    packets: Type.Optional(count('Sampled packets from before the capture: of the delivered file, once there is one.')),
    bytes: Type.Optional(count('Bytes of these packets, of which the first 160 are kept.')),
    dropped: Type.Optional(count('Samples that were lost, matching or not.')),
    dropped_is_upper_bound: Type.Optional(bound('dropped')),
    sample_rate: Type.Optional(Type.Integer({ minimum: 1, description: 'One of this many packets was kept.' })),
    truncated: Type.Optional(
      Type.Boolean({ description: 'There may be older ones: the newest 10,000 of all interfaces are taken.' }),
    ),
    covered: Type.Optional(covered),
    coverage: Type.Optional(Type.String({ description: 'What the samples do not cover, or may have wrong.' })),
    error: Type.Optional(Type.String({ description: 'Why they could not be had.' })),
  },
  {
    title: 'PastResult',
    additionalProperties: false,
    description: 'The samples that the file begins with. Everything beside it is of what came afterwards.',
  },
);

/** What happened on one interface of one sensor. */
export const SensorResult = Type.Object(
  {
    name: Type.String({ description: 'Name of the sensor.' }),
    interface: Type.String({ description: 'Name of the network interface.' }),
    colo: Type.String({ description: 'The site of the sensor.' }),
    status: Type.Enum(['pending', 'running', 'uploading', 'done', 'failed', 'no_answer', 'excluded'], {
      type: 'string',
      description: 'How far it is. `excluded`: its kind of link cannot have packets that match.',
    }),
    packets: Type.Optional(count('Packets written. Of a full capture: delivered and cut together.')),
    bytes: Type.Optional(count('Bytes of these packets.')),
    dropped: Type.Optional(count('Matching packets that were lost before they could be written.')),
    dropped_is_upper_bound: Type.Optional(bound('dropped')),
    interface_dropped: Type.Optional(
      count('Packets that the interface itself lost, matching or not: no part of any sum.'),
    ),
    cut: Type.Optional(count('Packets written here that the limits cut from the delivered file.')),
    stop_reason: Type.Optional(Type.Enum([...stopReasons], { type: 'string', description: 'Why it ended.' })),
    error: Type.Optional(Type.String({ description: 'What went wrong.' })),
    missing: Type.Optional(Type.String({ description: 'What is or may be missing here, and why.' })),
    note: Type.Optional(Type.String({ description: 'What else is worth knowing; it changes no status.' })),
    sample_rate: Type.Optional(
      Type.Integer({ minimum: 1, description: 'One of this many packets was kept: the greatest over the window.' }),
    ),
    packets_estimated: Type.Optional(
      count('How many packets of the window match here: in the file, kept out by the limit, not sampled or lost.'),
    ),
    coverage: Type.Optional(
      Type.String({ description: 'What the answer does not cover, and the sampling rates where there were several.' }),
    ),
    covered: Type.Optional(covered),
    samples_from: Type.Optional(time('The oldest moment from which there are samples here, whatever was asked.')),
    samples_to: Type.Optional(time('The newest moment up to which there are.')),
    past: Type.Optional(PastResult),
  },
  { title: 'SensorResult', additionalProperties: false },
);

const common = {
  id: Type.String({ minLength: 32, maxLength: 32, pattern: '^[0-9a-f]{32}$', description: 'Id of the capture.' }),
  system: Type.Enum(['magic-transit'], { type: 'string' }),
  status: Type.Enum([...statuses], {
    type: 'string',
    description:
      'Final are `success`, `complete` (packets are or may be missing: `error_message` says how many, where and why) and `failed`.',
  }),
  submitted: time('When it was asked for.'),
  time_limit: Type.Integer({ minimum: 1, description: 'Seconds.' }),
  filter_v1: FilterSchema,
  packet_limit: Type.Optional(Type.Integer({ minimum: 1 })),
  filter_expression: Type.Optional(Type.String()),
  format: Type.Enum(['pcap', 'pcapng'], { type: 'string' }),
};

const ours = {
  packets_dropped: Type.Optional(count('Matching packets that were lost, on all sensors together.')),
  packets_dropped_is_upper_bound: Type.Optional(bound('packets_dropped')),
  sensors: Type.Optional(Type.Array(SensorResult, { description: 'What happened where.' })),
};

/** A look-back, as it is returned. What is not known is left out. */
export const SimpleCapture = Type.Object(
  {
    ...common,
    type: Type.Enum(['simple'], { type: 'string' }),
    packet_limit: Type.Integer({ minimum: 1 }),
    offset_time: time('The moment from which it looks back.'),
    sample_rate: Type.Optional(
      Type.Integer({ minimum: 1, description: 'One of this many packets was kept: the greatest over the window.' }),
    ),
    match_inner: Type.Optional(Type.Boolean({ description: 'Packets inside of others were looked at too.' })),
    packets_estimated: Type.Optional(
      count(
        'How many packets of the window match, on all sensors together: in the file, kept out by the limit, not sampled or lost. ' +
          'What passed while nothing was sampled is not guessed.',
      ),
    ),
    truncated: Type.Optional(Type.Boolean({ description: '`packet_limit` has kept out older packets that match.' })),
    oldest_packet: Type.Optional(time('Time of the oldest packet in the file: so far back it reaches.')),
    error_message: Type.Optional(Type.String({ description: 'Why it failed, or what is or may be missing.' })),
    ...ours,
  },
  { title: 'SimpleCapture', additionalProperties: false },
);

/** A capture of the future, as it is returned. What is not known is left out. */
export const FullCapture = Type.Object(
  {
    ...common,
    type: Type.Enum(['full'], { type: 'string' }),
    colo_name: Type.String({ description: 'The site, or the sites, that captured.' }),
    destination_conf: Type.String({ description: 'URI of the bucket, without secrets.' }),
    byte_limit: Type.Optional(Type.Integer({ minimum: 1 })),
    lookback: Type.Optional(Type.Integer({ minimum: 1, description: 'Seconds of samples before the capture.' })),
    packets_captured: Type.Optional(
      count(
        'Packets in the delivered file, without the samples of a look-back; while it runs, packets captured up to now.',
      ),
    ),
    packets_past: Type.Optional(count('Sampled packets from before the capture in the delivered file.')),
    stop_requested: Type.Optional(time('When it was asked to stop.')),
    error_message: Type.Optional(Type.String({ description: 'Why it failed, or what is or may be missing.' })),
    ...ours,
  },
  { title: 'FullCapture', additionalProperties: false },
);

/** A capture, as it is returned. */
export const CaptureResponse = Type.Union([SimpleCapture, FullCapture], {
  title: 'Capture',
  discriminator: byType('SimpleCapture', 'FullCapture'),
});

/** What happened on one interface of one sensor. */
export type SensorResult = Static<typeof SensorResult>;

/** A look-back, as it is returned. */
export type SimpleCapture = Static<typeof SimpleCapture>;

/** A capture of the future, as it is returned. */
export type FullCapture = Static<typeof FullCapture>;

/** A capture, as it is returned. */
export type CaptureResponse = SimpleCapture | FullCapture;
