import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { joinTime, splitTime } from '../split_time.ts';
import { runningGreatest } from './running_greatest.ts';

test('each is the greatest so far', () => {
  fc.assert(
    fc.property(fc.array(fc.bigInt({ min: 0n, max: 5_000_000_000n })), (times) => {
      const greatest = runningGreatest(times.length, (index) => splitTime(times[index] ?? 0n));
      const expected = times.map((_, index) => times.slice(0, index + 1).reduce((max, one) => (one > max ? one : max)));
      expect(greatest.map(({ seconds, nanos }) => joinTime(seconds, nanos))).toEqual(expected);
    }),
  );
});
