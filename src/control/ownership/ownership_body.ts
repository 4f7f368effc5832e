import { type Destination, type ParsedDestination, parseDestination } from '../../model/destination.ts';
import { FaultError } from '../../model/errors/fault.ts';
import type { Result } from '../../model/result.ts';
import { checkOwnershipBody, checkValidateBody } from '../../wire/http/check_ownership_body.ts';

const pointer = '/destination_conf';

/**
 * Reads the body of POST /pcaps/ownership.
 *
 * @throws FaultError every fault of the schema and of the destination at once
 */
export function readAddBody(body: unknown): ParsedDestination {
  return readDestination(checkOwnershipBody(body), body);
}

/**
 * Reads the body of POST /pcaps/ownership/validate. Secrets in the destination are not looked at.
 *
 * @throws FaultError every fault of the schema and of the destination at once
 */
export function readValidateBody(body: unknown): { readonly destination: Destination; readonly challenge: string } {
  const checked = checkValidateBody(body);
  const { destination } = readDestination(checked, body);
  return { destination, challenge: checked.ok ? checked.value.ownership_challenge.trim() : '' };
}

function readDestination(checked: Result<unknown>, body: unknown): ParsedDestination {
  const faults = checked.ok ? [] : [...checked.faults];
  const text = destinationText(body);
  const parsed = text === undefined ? undefined : parseDestination(text, pointer);
  if (parsed?.ok === false) faults.push(...parsed.faults);
  const [first, ...more] = faults;
  if (first !== undefined) throw new FaultError([first, ...more]);
  if (parsed?.ok !== true) throw new TypeError('a checked body has a destination_conf');
  return parsed.value;
}

/** The field where it has text; otherwise the schema has said what is wrong with it. */
function destinationText(body: unknown): string | undefined {
  if (typeof body !== 'object' || body === null || !('destination_conf' in body)) return undefined;
  const text = body.destination_conf;
  return typeof text === 'string' && text !== '' ? text : undefined;
}
