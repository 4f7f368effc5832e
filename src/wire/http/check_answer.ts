import { type Static, type TSchema, Type } from 'typebox';
import { Check } from 'typebox/value';
import { AccountResponse, TokenResponse } from './account_schemas.ts';
import { CaptureResponse } from './capture_response.ts';
import { ErrorEnvelope, envelope, listEnvelope } from './envelope.ts';
import { EstimateResponse } from './estimate_response.ts';
import { OwnershipResponse } from './ownership_schemas.ts';

const answers = {
  Errors: ErrorEnvelope,
  Capture: envelope(CaptureResponse),
  CaptureList: listEnvelope(CaptureResponse),
  Estimate: envelope(EstimateResponse),
  Ownership: envelope(OwnershipResponse),
  OwnershipList: listEnvelope(OwnershipResponse),
  AccountList: listEnvelope(AccountResponse),
  Token: envelope(TokenResponse),
};

/** The bodies of answers, by name. */
export type Answers = { [Name in keyof typeof answers]: Static<(typeof answers)[Name]> };

const lenient = new Map(Object.entries(answers).map(([name, schema]) => [name, open(schema)]));

/** Is this value, fresh from a server, such an answer? Fields that this version does not know are no reason against it. */
export function checkAnswer<Name extends keyof Answers>(name: Name, value: unknown): value is Answers[Name] {
  return Check(lenient.get(name) ?? Type.Never(), value);
}

/** The schema, with room for more fields everywhere. */
function open(schema: TSchema): TSchema {
  return JSON.parse(
    JSON.stringify(schema, (key, value: unknown) => (key === 'additionalProperties' ? undefined : value)),
  ) as TSchema;
}
