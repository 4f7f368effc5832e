import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Talker } from '../model/estimate.ts';
import { topTalkers } from './top_talkers.ts';

const talker: fc.Arbitrary<Talker> = fc.record({
  source: fc.constantFrom('192.0.2.1', '192.0.2.2', '2001:db8::1'),
  destination: fc.constantFrom('192.0.2.1', '2001:db8::1', '2001:db8::2'),
  packets_estimated: fc.bigInt({ min: 1n, max: 9n }),
  bytes_estimated: fc.bigInt({ min: 1n, max: 9n }),
});

test('every pair once with its sums, the most bytes first, whatever the order of the lists', () => {
  fc.assert(
    fc.property(fc.array(fc.array(talker)), fc.nat(12), (lists, count) => {
      const found = topTalkers(lists, count);
      expect(found).toEqual(topTalkers(lists.toReversed(), count));
      const all = lists.flat();
      const name = (one: Talker): string => `${one.source} > ${one.destination}`;
      const bytesOf = (pair: string): bigint =>
        all.filter((one) => name(one) === pair).reduce((sum, one) => sum + one.bytes_estimated, 0n);
      const pairs = [...new Set(all.map(name))];
      expect(found).toHaveLength(Math.min(count, pairs.length));
      for (const one of found) {
        const packets = all.filter((other) => name(other) === name(one));
        expect(one.packets_estimated).toBe(packets.reduce((sum, other) => sum + other.packets_estimated, 0n));
        expect(one.bytes_estimated).toBe(bytesOf(name(one)));
      }
      const told = found.map((one) => one.bytes_estimated);
      expect(told).toEqual(told.toSorted((one, other) => Number(other - one)));
      const left = pairs.filter((pair) => !found.some((one) => name(one) === pair)).map(bytesOf);
      const least = told.at(-1);
      if (least !== undefined) for (const bytes of left) expect(bytes).toBeLessThanOrEqual(least);
    }),
  );
});
