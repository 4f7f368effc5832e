import { type Static, Type } from 'typebox';
import { limits } from '../../model/limits.ts';
import { byType } from './by_type.ts';
import { FilterSchema } from './filter_schema.ts';

const common = {
  system: Type.Enum(['magic-transit'], { type: 'string', description: 'Always "magic-transit".' }),
  filter_v1: Type.Optional(FilterSchema),
  filter_expression: Type.Optional(
    Type.String({
      maxLength: limits.expression_max_chars,
      description:
        'A filter in libpcap syntax (pcap-filter(7)), in force together with `filter_v1`. Names that would have to be looked up are refused.',
      examples: ['tcp[tcpflags] & tcp-syn != 0', 'net 10.0.0.0/8 and not port 22'],
    }),
  ),
  match_inner: Type.Optional(
    Type.Boolean({
      description:
        'Simple captures only: a packet is found also where an IP packet inside of it matches, behind MPLS labels, in a PPPoE session or in one level of tunnel (GRE, IP in IP, VXLAN, Geneve, GTP-U).',
      default: false,
    }),
  ),
  format: Type.Optional(
    Type.Enum(['pcap', 'pcapng'], { type: 'string', description: 'Form of the result file.', default: 'pcap' }),
  ),
};

/** A look-back: the newest sampled packets that came before a moment. */
export const SimpleRequest = Type.Object(
  {
    type: Type.Enum(['simple'], { type: 'string', description: 'Sampled packets that have already passed.' }),
    ...common,
    time_limit: Type.Integer({
      minimum: 1,
      maximum: limits.simple_time_max_s,
      description: 'How many seconds to look back from `offset_time`.',
      examples: [300],
    }),
    packet_limit: Type.Integer({
      minimum: 1,
      maximum: limits.packets_max,
      description: 'The most packets to return: the newest that match.',
      examples: [10_000],
    }),
    offset_time: Type.Optional(
      Type.String({
        format: 'date-time',
        description:
          'RFC 3339 time from which to look back, within the last 24 hours. Up to 5 s ahead counts as now. By default the time of the request.',
        examples: ['2026-01-31T08:00:00Z'],
      }),
    ),
  },
  {
    title: 'SimpleCaptureRequest',
    additionalProperties: false,
    description: 'Looks back: the newest sampled packets before `offset_time`, with the first 160 bytes of each.',
  },
);

/** A capture of the future. `packets_max` is the operator's ceiling for `packet_limit`. */
export const fullRequest = (packets_max: number) =>
  Type.Object(
    {
      type: Type.Enum(['full'], { type: 'string', description: 'Whole packets that pass from now on.' }),
      ...common,
      time_limit: Type.Integer({
        minimum: 1,
        maximum: limits.full_time_max_s,
        description: 'How many seconds to capture, from the moment the first sensor captures.',
        examples: [60],
      }),
      packet_limit: Type.Optional(
        Type.Integer({
          minimum: 1,
          maximum: packets_max,
          description: 'The capture ends once it has this many packets. Without it there is no such limit.',
          examples: [1000],
        }),
      ),
      byte_limit: Type.Optional(
        Type.Integer({
          minimum: 1,
          maximum: limits.bytes_max,
          description:
            'The capture ends before its packets have more bytes than this in sum. Without it there is no such limit.',
          examples: [500_000],
        }),
      ),
      lookback: Type.Optional(
        Type.Integer({
          minimum: 1,
          maximum: limits.lookback_max_s,
          description:
            'How many seconds back: the file begins with what was sampled of the same filter before the capture began. The limits are not for that; it has the newest 10,000 packets at most.',
          examples: [600],
        }),
      ),
      colo_name: Type.String({
        minLength: 1,
        maxLength: 64,
        description: 'The site: one (`ord02`), or all whose names are these letters and digits (`ORD`).',
        examples: ['ord02'],
      }),
      colo: Type.Optional(
        Type.String({
          minLength: 1,
          maxLength: 64,
          deprecated: true,
          description: 'The older name of `colo_name`, accepted in its place.',
        }),
      ),
      destination_conf: Type.String({
        minLength: 1,
        maxLength: 2048,
        description:
          'URI of the bucket that receives the file: one of the account whose ownership is validated. Secrets can be left out.',
        examples: ['s3://pcaps-bucket?region=us-east-1'],
      }),
    },
    {
      title: 'FullCaptureRequest',
      additionalProperties: false,
      description: 'Captures every matching packet, whole, until a limit, a stop or the clock ends it.',
    },
  );

/** A capture of the future, under the default ceiling. */
export const FullRequest = fullRequest(limits.packets_max);

/** Requests as they are in the documentation of POST /pcaps. */
const examples = {
  simple: {
    summary: 'The newest 1000 packets of the last minute',
    value: { type: 'simple', system: 'magic-transit', time_limit: 60, packet_limit: 1000 },
  },
  full: {
    summary: 'Thirty seconds of DNS, into a bucket',
    value: {
      type: 'full',
      system: 'magic-transit',
      time_limit: 30,
      colo_name: 'ord02',
      destination_conf: 's3://pcaps-bucket?region=us-east-1',
      filter_v1: { protocol: 17, destination_port: 53 },
    },
  },
};

/** What POST /pcaps takes, told apart by `type`. */
export const captureRequest = (packets_max: number) =>
  Type.Union([SimpleRequest, fullRequest(packets_max)], {
    title: 'CaptureRequest',
    discriminator: byType('SimpleCaptureRequest', 'FullCaptureRequest'),
    'x-examples': examples,
  });

/** A look-back. */
export type SimpleRequest = Static<typeof SimpleRequest>;

/** A capture of the future. */
export type FullRequest = Static<typeof FullRequest>;

/** What POST /pcaps takes. */
export type CaptureRequest = SimpleRequest | FullRequest;
