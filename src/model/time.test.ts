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
