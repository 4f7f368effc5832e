import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatTime, parseTime } from './time.ts';
import { times } from '../../test/support/soak.ts';

const year_ns = 31_556_952_000_000_000n;

test.each([
  [0n, '1970-01-01T00:00:00.000000Z'],
  [999n, '1970-01-01T00:00:00.000000Z'],
  [1_000n, '1970-01-01T00:00:00.000001Z'],
  [-1n, '1969-12-31T23:59:59.999999Z'],
  [-1_000_000_000n, '1969-12-31T23:59:59.000000Z'],
  [1_700_000_000_123_456_789n, '2023-11-14T22:13:20.123456Z'],
])('%s ns is written as %s', (time, text) => {
  expect(formatTime(time)).toBe(text);
});

test('what is written is read as the same microsecond', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -200n * year_ns, max: 290n * year_ns }), (time) => {
      const read = parseTime(formatTime(time));
      expect(read).toBe(time - (((time % 1000n) + 1000n) % 1000n));
    }),
    { numRuns: times(500) },
  );
});

test('second 60 is that of a leap second, at 23:59:60 UTC whatever the offset, and no other', () => {
  const leap = parseTime('2017-01-01T00:00:00Z');
  expect(leap).toBeDefined();
  for (const text of ['2016-12-31T23:59:60Z', '2017-01-01T00:59:60+01:00', '2016-12-31T18:29:60-05:30'])
    expect([text, parseTime(text)]).toEqual([text, leap]);
  for (const text of [
    '2016-12-31T22:59:60Z',
    '2016-12-31T23:58:60Z',
    '2016-12-31T23:59:60+01:00',
    '2016-12-31T23:59:61Z',
  ])
    expect([text, parseTime(text)]).toEqual([text, undefined]);
});
