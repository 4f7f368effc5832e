import { raise } from '../model/errors/fault.ts';

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
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    return raise('body_unreadable', { reason: reasonOf(error, text) }, { pointer: '', cause: error });
  }
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
