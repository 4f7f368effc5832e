import { type Static, Type } from 'typebox';

const destination_conf = Type.String({
  minLength: 1,
  maxLength: 2048,
  description:
    'URI of the bucket and directory: `s3://bucket/dir?region=…`, `gs://bucket/dir`, `r2://bucket?account-id=…` (each with `access-key-id` and `secret-access-key`) or `file:///dir`.',
  examples: ['s3://pcaps-bucket?region=us-east-1&access-key-id=…&secret-access-key=…'],
});

/** What POST /pcaps/ownership takes. */
export const OwnershipRequest = Type.Object(
  { destination_conf },
  { title: 'OwnershipRequest', additionalProperties: false },
);

/** What POST /pcaps/ownership/validate takes. */
export const ValidateRequest = Type.Object(
  {
    destination_conf,
    ownership_challenge: Type.String({
      minLength: 1,
      maxLength: 1024,
      description: 'The content of the challenge file in the bucket.',
    }),
  },
  { title: 'ValidateRequest', additionalProperties: false },
);

/** A bucket of an account, as it is returned. */
export const OwnershipResponse = Type.Object(
  {
    id: Type.String({ minLength: 32, maxLength: 32, pattern: '^[0-9a-f]{32}$', description: 'Id of the bucket.' }),
    destination_conf: Type.String({ description: 'URI of the bucket, without secrets.' }),
    filename: Type.String({ description: 'Name of the challenge file in the bucket.' }),
    status: Type.Enum(['pending', 'success', 'failed'], { type: 'string', description: 'Is the ownership proved?' }),
    submitted: Type.String({ format: 'date-time', description: 'When the bucket was added.' }),
    validated: Type.Optional(Type.String({ format: 'date-time', description: 'When its ownership was proved.' })),
  },
  { title: 'Ownership', additionalProperties: false },
);

/** What POST /pcaps/ownership takes. */
export type OwnershipRequest = Static<typeof OwnershipRequest>;

/** What POST /pcaps/ownership/validate takes. */
export type ValidateRequest = Static<typeof ValidateRequest>;

/** A bucket of an account, as it is returned. */
export type OwnershipResponse = Static<typeof OwnershipResponse>;
