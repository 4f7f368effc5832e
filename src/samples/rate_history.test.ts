import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { RateHistory } from './rate_history.ts';
import { runs } from './test_packets.ts';

test('gives the rate of any time that it was not told to forget', () => {
  const steps = fc.array(fc.record({ wait: fc.bigInt({ min: 1n, max: 9n }), rate: fc.nat(64) }), { maxLength: 20 });
  fc.assert(
    fc.property(steps, fc.array(fc.bigInt({ min: 0n, max: 99n }), { maxLength: 5 }), (list, times) => {
      let since = 0n;
      const changes = list.map(({ wait, rate }) => ({ since: (since += wait), rate }));
      const history = new RateHistory(77);
      for (const change of changes) history.add(change);
      expect(history.rate).toBe(changes.at(-1)?.rate ?? 77);
      for (const time of times.toSorted((a, b) => Number(a - b))) {
        const before = changes.filter((change) => change.since <= time).at(-1)?.rate ?? 77;
        const later = changes.filter((change) => change.since > time);
        expect(history.after(time)).toEqual({ rate: before, changes: later });
      }
    }),
    runs(200),
  );
});

test('when the clock was set, the rate in force is all that is left', () => {
  const history = new RateHistory(1);
  history.add({ since: 100n, rate: 0 });
  history.add({ since: 101n, rate: 8 });
  history.clockSet();
  expect(history.after(5n)).toEqual({ rate: 8, changes: [] });
});
