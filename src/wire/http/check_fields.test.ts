import * as fc from 'fast-check';
import { Type } from 'typebox';
import { Check } from 'typebox/value';
import { describe, expect, test } from 'vitest';
import { checkFields } from './check_fields.ts';
import { times } from '../../../test/support/soak.ts';

const schema = Type.Object(
  {
    kind: Type.Enum(['a', 'b'], { type: 'string' }),
    count: Type.Integer({ minimum: 1, maximum: 300 }),
    name: Type.Optional(Type.String({ minLength: 2, maxLength: 5 })),
    inner: Type.Optional(
      Type.Object({ port: Type.Optional(Type.Integer({ minimum: 0, maximum: 10 })) }, { additionalProperties: false }),
    ),
  },
  { additionalProperties: false },
);

const told = (value: unknown, options = {}): [string, string | undefined][] =>
  checkFields(schema, value, options).faults.map((one) => [one.name, one.pointer]);

describe('checkFields', () => {
  test('reports everything at once, each with its pointer', () => {
    expect(
      told({ kind: 'c', count: 301, name: 'x', inner: { port: '1', 'a/b~c': 1 }, more: 1, __proto__: undefined }),
    ).toEqual([
      ['field_value', '/kind'],
      ['field_range', '/count'],
      ['field_length', '/name'],
      ['field_type', '/inner/port'],
      ['field_unknown', '/inner/a~1b~0c'],
      ['field_unknown', '/more'],
    ]);
  });

  test.each([null, [], 'text', 3, true, undefined])('%j is no body', (value) => {
    expect(told(value)).toEqual([['body_type', '']]);
  });

  test('null and "" mean absent, for fields of the schema only', () => {
    expect(told({ kind: 'a', count: 1, name: null, inner: '' })).toEqual([]);
    expect(told({ kind: null, count: '' })).toEqual([
      ['field_required', '/kind'],
      ['field_required', '/count'],
    ]);
    expect(told({ kind: 'a', count: 1, other: null })).toEqual([['field_unknown', '/other']]);
  });

  test('coerces nothing', () => {
    for (const count of ['1', true, [1], 1.5, { valueOf: 1 }, Number.POSITIVE_INFINITY]) {
      expect(told({ kind: 'a', count })).toEqual([['field_type', '/count']]);
    }
  });

  test('names that objects inherit are names like any other', () => {
    const body: unknown = JSON.parse('{"kind":"a","count":1,"__proto__":{"name":"zz"},"constructor":1,"toString":2}');
    const { faults, fields } = checkFields(schema, body);
    expect(faults.map((one) => one.pointer)).toEqual(['/__proto__', '/constructor', '/toString']);
    expect(fields).toEqual({ kind: 'a', count: 1 });
    expect(Object.getPrototypeOf(fields)).toBe(Object.prototype);
  });

  test('leaves the value of a field to another check, but not its type', () => {
    const options = { judged_elsewhere: new Set(['/count', '/name']) };
    expect(told({ kind: 'a', count: 5000, name: 'too long' }, options)).toEqual([]);
    expect(told({ kind: 'a', count: '5', name: 7 }, options)).toEqual([
      ['field_type', '/count'],
      ['field_type', '/name'],
    ]);
  });

  test('tells of at most 50 unknown fields', () => {
    const body = Object.fromEntries(Array.from({ length: 5000 }, (_, index) => [`x${index}`, index]));
    expect(checkFields(schema, { kind: 'a', count: 1, ...body }).faults).toHaveLength(50);
  });

  test('agrees with TypeBox on every value without absent markers, and keeps exactly what is valid', () => {
    const field = fc.oneof(fc.integer({ min: -2, max: 400 }), fc.string({ maxLength: 7 }), fc.constantFrom('a', 'b'));
    const value = fc.record(
      {
        kind: field,
        count: field,
        name: field,
        inner: fc.oneof(fc.record({ port: field, extra: field }, { requiredKeys: [] }), field),
        extra: field,
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(value, (body) => {
        fc.pre(!JSON.stringify(body).includes('""'));
        const { faults, fields } = checkFields(schema, body);
        expect(faults.length === 0).toBe(Check(schema, body));
        if (faults.length === 0) expect(fields).toEqual(body);
        for (const [name, kept] of Object.entries(fields)) {
          if (name !== 'inner') expect(Check(schema.properties[name as 'kind'], kept)).toBe(true);
        }
      }),
      { numRuns: times(300) },
    );
  });
});
