import { type Static, Type } from 'typebox';

/** An account that the credentials reach. */
export const AccountResponse = Type.Object(
  {
    id: Type.String({ maxLength: 32, description: 'Id of the account.' }),
    name: Type.String(),
    type: Type.Enum(['standard'], { type: 'string' }),
    created_on: Type.String({ format: 'date-time' }),
  },
  { title: 'Account', additionalProperties: false },
);

/** A token that is good now. */
export const TokenResponse = Type.Object(
  {
    id: Type.String({ description: 'Id of the token (never the token itself).' }),
    status: Type.Enum(['active'], { type: 'string' }),
    expires_on: Type.Optional(Type.String({ format: 'date-time', description: 'Left out when it does not expire.' })),
  },
  { title: 'Token', additionalProperties: false },
);

/** Whether requests can be served. */
export const HealthResponse = Type.Object(
  {
    status: Type.Enum(['ok', 'degraded', 'not_ready'], { type: 'string' }),
    reasons: Type.Array(Type.String()),
    parts: Type.Optional(
      Type.Array(
        Type.Object(
          { name: Type.String(), ok: Type.Boolean(), reasons: Type.Array(Type.String()) },
          { additionalProperties: false },
        ),
      ),
    ),
  },
  {
    title: 'Health',
    additionalProperties: false,
    description:
      '`reasons` say what does not work, `parts` where. `degraded`: requests are served, and something does not work; `not_ready`: nothing can be served.',
  },
);

/** An account that the credentials reach. */
export type AccountResponse = Static<typeof AccountResponse>;

/** A token that is good now. */
export type TokenResponse = Static<typeof TokenResponse>;

/** Whether requests can be served. */
export type HealthResponse = Static<typeof HealthResponse>;
