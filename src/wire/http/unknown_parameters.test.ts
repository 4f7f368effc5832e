import { expect, test } from 'vitest';
import { unknownParameters } from './unknown_parameters.ts';

const told = (query: Readonly<Record<string, unknown>>, known: readonly string[] = []): unknown =>
  unknownParameters(query, known).map(({ name, pointer }) => [name, pointer]);

test('what is not known is refused with a pointer, whatever its name and value', () => {
  expect(told({ page: '1' }, ['page'])).toEqual([]);
  const query = Object.assign(Object.create(null) as Record<string, unknown>, {
    limit: '5',
    'status[]': 'failed',
    'a/b~c': ['1', '2'],
    '': '',
    constructor: '1',
    Page: '1',
    page: ['1', '2'],
  });
  expect(told(query, ['page', 'status'])).toEqual(
    ['/limit', '/status[]', '/a~1b~0c', '/', '/constructor', '/Page'].map((pointer) => ['parameter_unknown', pointer]),
  );
});

test('the message says what there is, and does not grow with what was sent', () => {
  const [none] = unknownParameters({ foo: '1' }, []);
  expect(none?.message).toBe('foo is not a query parameter of this request: there are none here.');
  const [some] = unknownParameters({ ['x'.repeat(5000)]: '1' }, ['page', 'per_page']);
  expect(some?.message).toContain('there are page, per_page.');
  expect(some?.message.length).toBeLessThan(300);
  expect(
    unknownParameters(Object.fromEntries(Array.from({ length: 500 }, (_, at) => [`p${at}`, ''])), []),
  ).toHaveLength(20);
});
