import { hash } from 'node:crypto';
import { raise } from '../../model/errors/fault.ts';

/** No create has more than two levels; a body of brackets alone must not exhaust the stack. */
const depth_max = 32;

/**
 * Equal for equal JSON bodies, whatever the order of their fields: SHA-256 of the body with its fields sorted, in hex. A body
 * may hold bucket secrets; the hash gives none away that has the entropy of a key.
 *
 * @throws FaultError `body_unreadable` for more than 32 levels
 */
export function bodyHash(body: unknown): string {
  return hash('sha256', JSON.stringify(sorted(body, 1)) ?? '', 'hex');
}

function sorted(value: unknown, depth: number): unknown {
  if (depth > depth_max) raise('body_unreadable', { reason: `it has more than ${depth_max} levels` });
  if (Array.isArray(value)) return value.map((one) => sorted(one, depth + 1));
  if (typeof value !== 'object' || value === null) return value;
  // Entries, not an object: a field named "__proto__" would vanish from one.
  const fields = Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1));
  return { fields: fields.map(([name, field]) => [name, sorted(field, depth + 1)]) };
}
