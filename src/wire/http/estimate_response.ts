import { type Static, Type } from 'typebox';

const time = (description: string) => Type.String({ format: 'date-time', description });
const count = (description: string) => Type.Integer({ minimum: 0, description });
const seconds = (description: string) => Type.Number({ minimum: 0, description });

/** What the samples of one interface of one sensor say. */
export const EstimateSensor = Type.Object(
  {
    name: Type.String({ description: 'Name of the sensor.' }),
    interface: Type.String({ description: 'Name of the network interface.' }),
    colo: Type.String({ description: 'The site of the sensor.' }),
    status: Type.Enum(['done', 'failed', 'no_answer', 'excluded'], {
      type: 'string',
      description: 'What became of the question. `excluded`: its kind of link cannot have packets that match.',
    }),
    packets: Type.Optional(count('Sampled packets of the observed time that match: counted.')),
    bytes: Type.Optional(count('Bytes of these packets, as far as they are kept.')),
    packets_estimated: Type.Optional(
      count('Matching packets that pass here in the time of the capture, sampled or not; limits aside.'),
    ),
    bytes_estimated: Type.Optional(count('Bytes of these packets, whole.')),
    dropped: Type.Optional(count('Samples that were lost before they could be kept, matching or not.')),
    sample_rate: Type.Optional(
      Type.Integer({
        minimum: 1,
        description: 'One of this many packets was kept: the greatest over the observed time.',
      }),
    ),
    coverage: Type.Optional(Type.String({ description: 'What the samples do not cover.' })),
    error: Type.Optional(Type.String({ description: 'What went wrong.' })),
  },
  { title: 'EstimateSensor', additionalProperties: false },
);

/** Packets from one address to another. */
const EstimateTalker = Type.Object(
  {
    source: Type.String({ description: 'Address of the sender.' }),
    destination: Type.String({ description: 'Address of the receiver.' }),
    packets_estimated: count('Its packets in the time of the capture, sampled or not; limits aside.'),
    bytes_estimated: count('Their bytes, whole.'),
  },
  { title: 'EstimateTalker', additionalProperties: false },
);

/** What a capture would catch. What is not known is left out. */
export const EstimateResponse = Type.Object(
  {
    type: Type.Enum(['simple', 'full'], { type: 'string', description: 'Of the capture that was asked about.' }),
    time_limit: Type.Integer({ minimum: 1, description: 'Seconds.' }),
    observed_from: time('Samples later than this were looked at,'),
    observed_to: time('up to this.'),
    packets: Type.Optional(
      count(
        'Packets in the file, within the limits. Of a simple capture: counted in the samples. Of a full one: estimated.',
      ),
    ),
    bytes: Type.Optional(count('Bytes of these packets.')),
    packets_estimated: Type.Optional(
      count('Matching packets that pass in the time of the capture, sampled or not; limits aside.'),
    ),
    bytes_estimated: Type.Optional(count('Bytes of these packets, whole.')),
    time_to_packet_limit: Type.Optional(
      seconds(
        'Seconds until `packet_limit` is reached; of a simple capture, how far back from `offset_time` its packets go. Absent where it is not reached.',
      ),
    ),
    time_to_byte_limit: Type.Optional(seconds('Seconds until `byte_limit` is reached. Absent where it is not.')),
    sample_rate: Type.Optional(
      Type.Integer({ minimum: 1, description: 'One of this many packets was kept: the greatest of all interfaces.' }),
    ),
    error_message: Type.Optional(Type.String({ description: 'What is missing.' })),
    sensors: Type.Array(EstimateSensor, { description: 'What the samples say where.' }),
    talkers: Type.Array(EstimateTalker, {
      maxItems: 10,
      description: 'Who sends to whom: the ten pairs of addresses with the most bytes, over all sensors.',
    }),
  },
  { title: 'Estimate', additionalProperties: false },
);

/** What the samples of one interface of one sensor say. */
export type EstimateSensor = Static<typeof EstimateSensor>;

/** What a capture would catch. */
export type EstimateResponse = Static<typeof EstimateResponse>;
