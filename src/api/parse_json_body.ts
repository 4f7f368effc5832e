import { raise } from '../model/errors/fault.ts';

/** No request has more than three; what follows the body's structure can do so by recursion. */
const levels_max = 16;

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Reads a JSON body (RFC 8259): UTF-8, nothing else. An empty one is no value. A name such as `__proto__` becomes an
 * ordinary property; of a name that comes twice the last counts.
 *
 * @throws {FaultError} `body_unreadable`
 */
export function parseJsonBody(bytes: Uint8Array): unknown {
  if (bytes.length === 0) return undefined;
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch (error) {
    return raise('body_unreadable', { reason: 'it is not UTF-8 text.' }, { pointer: '', cause: error });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return raise('body_unreadable', { reason: reasonOf(error, text) }, { pointer: '', cause: error });
  }
  if (isDeeper(value, levels_max)) {
    raise('body_unreadable', { reason: `it has more than ${levels_max} levels.` }, { pointer: '' });
  }
  return value;
}

/** Does a list or object lie below this many others? */
function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((inner) => isDeeper(inner, levels - 1));
}

/** Where it stops being JSON, without repeating what was sent: it may hold a secret. */
function reasonOf(error: unknown, text: string): string {
  const said = error instanceof Error ? error.message : '';
  const found = /position (\d+)/.exec(said);
  if (found?.[1] === undefined) {
    return said.includes('end of JSON') ? 'it ends too early.' : 'it has a character where none may be.';
  }
  const before = text.slice(0, Number(found[1]));
  const line = before.split('\n').length;
  return `line ${line}, column ${before.length - before.lastIndexOf('\n')} is not as it should be.`;
}
