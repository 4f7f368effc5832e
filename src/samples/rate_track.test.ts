import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { createRateTrack } from './rate_track.ts';
import type { RateSpan } from './segment_cover.ts';
import { joinTime } from './split_time.ts';
import { runs } from './test_packets.ts';

const base_s = 1_769_846_400;
const moment = fc.tuple(fc.integer({ min: 0, max: 2 }), fc.constantFrom(0, 1, 500_000_000, 999_999_998, 999_999_999));
const timeOf = ([s, ns]: readonly [number, number]): bigint => joinTime(base_s + s, ns);
const spans: fc.Arbitrary<RateSpan[]> = fc.array(
  fc.tuple(moment, moment, fc.constantFrom(1, 2, 16, 2 ** 31)).map(([one, other, rate]) => {
    const [from, to] = [timeOf(one), timeOf(other)].sort((a, b) => Number(a - b));
    return { from: from ?? 0n, to: (to ?? 0n) + 1n, rate };
  }),
  { maxLength: 5 },
);

test('a moment has the rate of a span that it lies in, else of the one before it, else of the one after it, else 1', () => {
  fc.assert(
    fc.property(spans, fc.array(moment, { maxLength: 20 }), (known, moments) => {
      const track = createRateTrack(known);
      for (const one of moments) {
        const time = timeOf(one);
        const around = known.filter((span) => time > span.from && time <= span.to);
        const before = known.filter((span) => span.to < time);
        const newest = before.reduce((most, span) => (span.to > most ? span.to : most), 0n);
        const after = known.filter((span) => span.from >= time);
        const soonest = after.reduce((least, span) => (span.from < least ? span.from : least), 2n ** 63n);
        const possible =
          around.length > 0
            ? around
            : before.length > 0
              ? before.filter((span) => span.to === newest)
              : after.filter((span) => span.from === soonest);
        const rates = possible.length === 0 ? [1] : possible.map((span) => span.rate);
        expect(rates).toContain(track.rateAt(base_s + one[0], one[1]));
      }
    }),
    runs(500),
  );
});
