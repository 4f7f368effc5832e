import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { bodyHash } from './body_hash.ts';

/** The same value with the fields of every object in another order. */
function reordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reordered);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([name, field]) => [name, reordered(field)]),
  );
}

const json = fc.jsonValue({ maxDepth: 4 }).map((value) => JSON.parse(JSON.stringify(value)) as unknown);

test('the order of fields is no difference', () => {
  fc.assert(fc.property(json, (value) => bodyHash(reordered(value)) === bodyHash(value)));
});

test('anything else is one', () => {
  const text = (value: unknown): string =>
    JSON.stringify(value, (_, field: unknown) =>
      typeof field === 'object' && field !== null && !Array.isArray(field)
        ? Object.fromEntries(Object.entries(field).toSorted(([one], [other]) => (one < other ? -1 : 1)))
        : field,
    );
  fc.assert(
    fc.property(json, json, (one, other) => {
      expect(bodyHash(one) === bodyHash(other)).toBe(text(one) === text(other));
    }),
  );
});

test.each([
  ['[1,2]', '[2,1]'],
  ['{"a":1}', '{"a":"1"}'],
  ['{"a":null}', '{}'],
  ['{"match_inner":true}', '{"match_inner":false}'],
  ['{"match_inner":false}', '{}'],
  ['{}', '[]'],
  ['{"__proto__":1}', '{}'],
  ['{"a":{"b":1}}', '{"a":[["b",1]]}'],
])('%s is not %s', (one, other) => {
  expect(bodyHash(JSON.parse(one))).not.toBe(bodyHash(JSON.parse(other)));
});

test('a body of brackets is refused, not followed down', () => {
  expect(() => bodyHash(JSON.parse('['.repeat(5000) + ']'.repeat(5000)))).toThrow('more than 32 levels');
  expect(bodyHash(JSON.parse('['.repeat(32) + ']'.repeat(32)))).toMatch(/^[0-9a-f]{64}$/);
});
