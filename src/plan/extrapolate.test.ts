import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { extrapolate, type TrafficLimits, withinLimits } from './extrapolate.ts';

const count = fc.bigInt({ min: 0n, max: 10n ** 12n });
const time = fc.bigInt({ min: 1n, max: 86_400_000_000_000n });
const limit = fc.option(fc.bigInt({ min: 1n, max: 10n ** 12n }), { nil: undefined });
const limitsOf = (packet_limit: bigint | undefined, byte_limit: bigint | undefined): TrafficLimits => ({
  ...(packet_limit === undefined ? {} : { packet_limit }),
  ...(byte_limit === undefined ? {} : { byte_limit }),
});
/** |a/b - c/d| <= 1/2, without a division. */
const nearestTo = (found: bigint, part: bigint, of: bigint): boolean => {
  const off = 2n * (found * of - part);
  return off <= of && off >= -of;
};

describe('extrapolate', () => {
  test('is the nearest whole number at the same rate', () => {
    fc.assert(
      fc.property(count, time, time, (packets, observed_ns, time_ns) => {
        const found = extrapolate(packets, observed_ns, time_ns);
        expect(found !== undefined && nearestTo(found, packets * time_ns, observed_ns)).toBe(true);
      }),
    );
  });

  test('over the time that was observed it is what was observed; a longer time never has less', () => {
    fc.assert(
      fc.property(count, time, time, time, (packets, observed_ns, one, more) => {
        expect(extrapolate(packets, observed_ns, observed_ns)).toBe(packets);
        expect(extrapolate(packets, observed_ns, one + more) ?? -1n).toBeGreaterThanOrEqual(
          extrapolate(packets, observed_ns, one) ?? 0n,
        );
      }),
    );
  });

  test('no time that was observed says nothing, and not that there is nothing', () => {
    expect(extrapolate(0n, 0n, 5n)).toBeUndefined();
    expect(extrapolate(7n, 0n, 5n)).toBeUndefined();
    expect(extrapolate(0n, 1n, 5n)).toBe(0n);
  });
});

describe('withinLimits', () => {
  test('without a limit that is reached, all of it', () => {
    fc.assert(
      fc.property(count, count, time, (packets, bytes, time_ns) => {
        const limits = { packet_limit: packets + 1n, byte_limit: bytes + 1n };
        expect(withinLimits({ packets, bytes }, limits, time_ns)).toEqual({ packets, bytes });
        expect(withinLimits({ packets, bytes }, {}, time_ns)).toEqual({ packets, bytes });
      }),
    );
  });

  test('it never has more than a limit, ends by one, and says when: at the same rate, and within the time', () => {
    fc.assert(
      fc.property(count, count, limit, limit, time, (packets, bytes, packet_limit, byte_limit, time_ns) => {
        const found = withinLimits({ packets, bytes }, limitsOf(packet_limit, byte_limit), time_ns);
        const { time_to_packet_limit_ns: by_packets, time_to_byte_limit_ns: by_bytes } = found;
        expect(by_packets !== undefined).toBe(packet_limit !== undefined && packets >= packet_limit);
        expect(by_bytes !== undefined).toBe(byte_limit !== undefined && bytes >= byte_limit);
        if (packet_limit !== undefined) expect(found.packets).toBeLessThanOrEqual(packet_limit);
        if (byte_limit !== undefined) expect(found.bytes).toBeLessThanOrEqual(byte_limit);
        if (packet_limit !== undefined && by_packets !== undefined) {
          expect(by_packets).toBeLessThanOrEqual(time_ns);
          expect(nearestTo(by_packets, time_ns * packet_limit, packets)).toBe(true);
        }
        if (byte_limit !== undefined && by_bytes !== undefined) {
          expect(by_bytes).toBeLessThanOrEqual(time_ns);
          expect(nearestTo(by_bytes, time_ns * byte_limit, bytes)).toBe(true);
        }
        const reached = [
          ...(by_packets !== undefined && found.packets === packet_limit ? ['packets'] : []),
          ...(by_bytes !== undefined && found.bytes === byte_limit ? ['bytes'] : []),
        ];
        if (by_packets !== undefined || by_bytes !== undefined) expect(reached).not.toEqual([]);
        // What the first limit leaves, at the share of the time that it takes.
        const ends = [by_packets, by_bytes].filter((one) => one !== undefined).toSorted((a, b) => Number(a - b));
        const [end_ns = time_ns] = ends;
        const slack = (whole: bigint): bigint => whole / time_ns + 1n;
        expect(distance(found.packets, (packets * end_ns) / time_ns)).toBeLessThanOrEqual(slack(packets));
        expect(distance(found.bytes, (bytes * end_ns) / time_ns)).toBeLessThanOrEqual(slack(bytes));
      }),
    );
  });

  test('the earlier limit counts, and both are told', () => {
    const traffic = { packets: 1000n, bytes: 100_000n };
    expect(withinLimits(traffic, { packet_limit: 500n, byte_limit: 20_000n }, 60n * 10n ** 9n)).toEqual({
      packets: 200n,
      bytes: 20_000n,
      time_to_packet_limit_ns: 30n * 10n ** 9n,
      time_to_byte_limit_ns: 12n * 10n ** 9n,
    });
  });
});

function distance(one: bigint, other: bigint): bigint {
  return one > other ? one - other : other - one;
}
