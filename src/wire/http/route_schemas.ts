import { Type } from 'typebox';
import { ErrorEnvelope } from './envelope.ts';

const account_id = Type.String({ maxLength: 32, description: 'Id of the account.' });

/** The path parameters under an account. */
export const AccountPath = Type.Object({ account_id });

/** The path parameters of one capture. */
export const CapturePath = Type.Object({
  account_id,
  pcap_id: Type.String({ minLength: 32, maxLength: 32, description: 'Id of the capture.' }),
});

/** The path parameters of one bucket. */
export const OwnershipPath = Type.Object({
  account_id,
  ownership_id: Type.String({ minLength: 32, maxLength: 32, description: 'Id of the bucket.' }),
});

/** The headers that mark a create as a repeat. */
export const RepeatHeaders = Type.Object({
  'idempotency-key': Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 255,
      description: 'The same key with the same body within ten minutes returns the same capture.',
    }),
  ),
  'x-stainless-retry-count': Type.Optional(
    Type.Integer({
      minimum: 0,
      description:
        'What the SDKs count: above 0, a request like the latest one of the last two minutes returns its capture.',
    }),
  ),
});

/** The headers of a download that say how much of it. */
export const RangeHeaders = Type.Object({
  range: Type.Optional(
    Type.String({ description: 'One byte range (RFC 9110, section 14.2).', examples: ['bytes=0-23'] }),
  ),
  'if-range': Type.Optional(Type.String({ description: 'The ETag that the range belongs to.' })),
});

/** The answers that every route can give. */
export const refusals = { '4xx': ErrorEnvelope, '5xx': ErrorEnvelope };

/** An answer without a body. */
export const NoContent = Type.Null({ description: 'Done.' });
