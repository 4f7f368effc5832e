/** What may be bound to a statement and what a column may hold; nothing else reaches a database. */
export type Bindable = string | number | bigint | Uint8Array | null;

/**
 * Checks one parameter before it is bound. node:sqlite takes a Date for an object of named parameters and stores null in
 * its place without a word, and drivers differ on booleans and undefined, so all of these are refused. Whole numbers
 * become bigints, so that arithmetic in SQL stays exact.
 *
 * @throws TypeError for anything else than text, finite numbers (whole ones within 2^53), bigints, bytes and null
 */
export function bindable(value: unknown): Bindable {
  if (value === null || typeof value === 'string' || value instanceof Uint8Array) return value;
  if (typeof value === 'bigint') {
    if (BigInt.asIntN(64, value) === value) return value;
    throw new TypeError('a bigint of more than 64 bits cannot be stored');
  }
  if (typeof value === 'number') {
    if (Number.isSafeInteger(value)) return BigInt(value);
    if (Number.isFinite(value) && !Number.isInteger(value)) return value;
    throw new TypeError(`${value} cannot be stored exactly: use a bigint`);
  }
  throw new TypeError(`${describe(value)} cannot be stored: use text, a number, a bigint, bytes or null`);
}

function describe(value: unknown): string {
  if (value === undefined) return 'undefined';
  return `a ${typeof value === 'object' ? (value?.constructor.name ?? 'object') : typeof value}`;
}
