import { type BadRequest, create, pcaps, simple } from './bad_request.ts';

const json = { authorization: 'Bearer {token}', 'content-type': 'application/json' };
const raw = (
  what: string,
  body: string | Uint8Array,
  status: number,
  error: BadRequest['errors'][number],
  headers: Readonly<Record<string, string>> = json,
): BadRequest => ({ what, method: 'POST', path: pcaps, headers, raw: body, status, errors: [error] });
const text = JSON.stringify(simple);
const typed = (type: string): Readonly<Record<string, string>> => ({ ...json, 'content-type': type });

/** Bodies as such: form, type, size, headers. */
export const bodies: readonly BadRequest[] = [
  raw('JSON cut short', '{"type":"simple"', 400, [1006, '']),
  raw('JSON with a comma too many', '{"type":"simple",}', 400, [1006, '']),
  raw('JSON with a comment', '{/* simple */}', 400, [1006, '']),
  raw('two JSON values', '{}{}', 400, [1006, '']),
  raw('no JSON', 'type=simple', 400, [1006, '']),
  raw('a number that JSON does not have', '{"time_limit":0x10}', 400, [1006, '']),
  raw('bytes that are not UTF-8', Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d), 400, [1006, '']),
  raw('60,000 brackets', '['.repeat(60_000), 400, [1006, '']),
  raw('60,000 brackets that close', `${'['.repeat(30_000)}${']'.repeat(30_000)}`, 400, [1006, '']),
  raw('no body', '', 400, [1106, '']),
  raw('null', 'null', 400, [1106, '']),
  raw('a list', `[${text}]`, 400, [1106, '']),
  raw('a text', JSON.stringify(text), 400, [1106, '']),
  raw('a number', '1', 400, [1106, '']),
  raw('1 MB of text', JSON.stringify({ ...simple, filter_expression: 'x'.repeat(1_000_000) }), 413, [1007]),
  raw('a byte more than is read', JSON.stringify({ a: 'x'.repeat(65_536 - 7) }), 413, [1007]),
  raw('a form', 'type=simple&packet_limit=1', 415, [1008], typed('application/x-www-form-urlencoded')),
  raw('plain text', text, 415, [1008], typed('text/plain')),
  raw('JSON patch', '[]', 415, [1008], typed('application/json-patch+json')),
  raw('XML', '<pcap/>', 415, [1008], typed('application/xml')),
  raw('a content type that is none', text, 415, [1008], typed('json')),
  raw('packed JSON', text, 415, [1008], { ...json, 'content-encoding': 'gzip' }),
  raw('an empty Idempotency-Key', text, 400, [1020], { ...json, 'idempotency-key': '' }),
  raw('an Idempotency-Key of 256 characters', text, 400, [1020], { ...json, 'idempotency-key': 'k'.repeat(256) }),
  create('an empty object', {}, [1100, '/type'], [1100, '/system'], [1100, '/time_limit']),
  {
    ...create('__proto__ as a field', undefined, [1101, '/__proto__'], [1101, '/constructor']),
    headers: json,
    raw: `{"__proto__":{"type":"full"},"constructor":1,${text.slice(1)}`,
  },
  create('a field with slash and tilde', { ...simple, 'a/b~c': 1 }, [1101, '/a~1b~0c']),
];
