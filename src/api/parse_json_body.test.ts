import { expect, test } from 'vitest';
import { FaultError } from '../model/errors/fault.ts';
import { parseJsonBody } from './parse_json_body.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const reason = (body: Uint8Array): string => {
  try {
    parseJsonBody(body);
  } catch (error) {
    if (error instanceof FaultError && error.faults[0].name === 'body_unreadable') return error.message;
    throw error;
  }
  return '';
};

test('reads JSON, and nothing as nothing', () => {
  expect(parseJsonBody(bytes('{"a":[1,null,"é"]}'))).toEqual({ a: [1, null, 'é'] });
  expect(parseJsonBody(bytes('\ufeff{"a":1}'))).toEqual({ a: 1 });
  expect(parseJsonBody(new Uint8Array(0))).toBeUndefined();
});

test('no name reaches a prototype', () => {
  const value = parseJsonBody(bytes('{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}'));
  expect(Object.keys(value as object)).toEqual(['__proto__', 'constructor']);
  expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
});

test('says where it stops being JSON, and never what stands there', () => {
  expect(reason(bytes('{"key": "secret-value", }'))).toMatch(/line 1, column 25 /);
  expect(reason(bytes('{\n  "a": 1,\n  secret\n}'))).toMatch(/line 3, column 3 /);
  expect(reason(bytes('secret'))).toMatch(/not valid JSON: it has a character/);
  expect(reason(bytes('{"a":"secret'))).toMatch(/not valid JSON: /);
  expect(reason(bytes('["a",'))).toMatch(/it ends too early/);
  for (const text of ['{"key": "secret-value", }', 'secret', '{"a":"secret', '{"a": secret}']) {
    expect(reason(bytes(text))).not.toContain('secret');
  }
  expect(reason(bytes(`${'['.repeat(17)}${']'.repeat(17)}`))).toMatch(/more than 16 levels/);
  expect(reason(bytes(`${'['.repeat(16)}${']'.repeat(16)}`))).toBe('');
  expect(reason(Uint8Array.of(0x22, 0xff, 0x22))).toMatch(/not UTF-8/);
  expect(reason(bytes('['.repeat(60_000)))).toMatch(/not valid JSON/);
});
