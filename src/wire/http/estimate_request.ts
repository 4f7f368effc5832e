import { type Static, Type } from 'typebox';
import { byType } from './by_type.ts';
import { SimpleRequest, fullRequest } from './capture_request.ts';

/** A capture of the future to be estimated: as it would be asked for, but nothing is delivered and no bucket needed. */
export const fullEstimateRequest = (packets_max: number) => {
  const { properties } = fullRequest(packets_max);
  return Type.Object(
    { ...properties, destination_conf: Type.Optional(properties.destination_conf) },
    {
      title: 'FullEstimateRequest',
      additionalProperties: false,
      description:
        'A full capture as it would be asked for. It may leave its bucket out; one that is named is checked.',
    },
  );
};

/** Requests as they are in the documentation of POST /pcaps/estimate. */
const examples = {
  simple: {
    summary: 'How many packets would the last minute have?',
    value: { type: 'simple', system: 'magic-transit', time_limit: 60, packet_limit: 1000 },
  },
  full: {
    summary: 'How soon would a thousand packets of DNS have come?',
    value: {
      type: 'full',
      system: 'magic-transit',
      time_limit: 30,
      packet_limit: 1000,
      colo_name: 'ord02',
      filter_v1: { protocol: 17, destination_port: 53 },
    },
  },
};

/** What POST /pcaps/estimate takes: what POST /pcaps takes, told apart by `type` likewise. */
export const estimateRequest = (packets_max: number) =>
  Type.Union([SimpleRequest, fullEstimateRequest(packets_max)], {
    title: 'EstimateRequest',
    discriminator: byType('SimpleCaptureRequest', 'FullEstimateRequest'),
    'x-examples': examples,
  });

/** What POST /pcaps/estimate takes. */
export type EstimateRequest = Static<ReturnType<typeof estimateRequest>>;
