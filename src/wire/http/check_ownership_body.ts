import type { Fault } from '../../model/errors/fault.ts';
import { ok, type Result, refused } from '../../model/result.ts';
import { checkFields, type ObjectSchema } from './check_fields.ts';
import { OwnershipRequest, ValidateRequest } from './ownership_schemas.ts';

/** What `parseDestination` judges, not the schema. */
const judged_elsewhere = new Set(['/destination_conf']);

/** Checks the body of POST /pcaps/ownership. Whether `destination_conf` names a usable bucket is not judged here. */
export function checkOwnershipBody(body: unknown): Result<OwnershipRequest> {
  return check<OwnershipRequest>(OwnershipRequest, body);
}

/** Checks the body of POST /pcaps/ownership/validate. Whether `destination_conf` names a bucket is not judged here. */
export function checkValidateBody(body: unknown): Result<ValidateRequest> {
  return check<ValidateRequest>(ValidateRequest, body);
}

function check<T>(schema: ObjectSchema, body: unknown): Result<T> {
  const { faults, fields } = checkFields(schema, body, { judged_elsewhere });
  const [first, ...more]: readonly Fault[] = faults;
  return first === undefined ? ok(fields as T) : refused(first, ...more);
}
