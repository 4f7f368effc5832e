import { type Static, Type } from 'typebox';

/** The exact fields of a filter, as the API spells them. Their values are judged by `checkFilterV1`. */
export const FilterSchema = Type.Object(
  {
    source_address: Type.Optional(
      Type.String({
        description: 'IPv4 or IPv6 address of the sender, or a network in CIDR form.',
        examples: ['192.0.2.1', '2001:db8::/32'],
      }),
    ),
    destination_address: Type.Optional(
      Type.String({
        description: 'IPv4 or IPv6 address of the receiver, or a network in CIDR form.',
        examples: ['198.51.100.0/24'],
      }),
    ),
    source_port: Type.Optional(
      Type.Integer({ minimum: 0, maximum: 65_535, description: 'Source port of TCP, UDP or SCTP.', examples: [443] }),
    ),
    destination_port: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 65_535,
        description: 'Destination port of TCP, UDP or SCTP.',
        examples: [53],
      }),
    ),
    protocol: Type.Optional(
      Type.Integer({ minimum: 0, maximum: 255, description: 'IP protocol number.', examples: [6] }),
    ),
  },
  {
    title: 'Filter',
    additionalProperties: false,
    description: 'A packet must match every field that is given. Without any, all packets match.',
  },
);

/** The exact fields of a filter. */
export type FilterFields = Static<typeof FilterSchema>;
