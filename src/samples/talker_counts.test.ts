import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createTalkerCounts, type PacketTalker, type TalkerCounts } from './talker_counts.ts';
import { runs } from './test_packets.ts';

/** One packet: numbers of its addresses, of IPv4 or IPv6, and what it weighs. */
interface Packet {
  readonly source: number;
  readonly destination: number;
  readonly wide: boolean;
  readonly packets: number;
  readonly bytes: number;
}

function textOf(number: number, wide: boolean): string {
  const hex = number.toString(16).padStart(4, '0');
  return wide
    ? new URL(`http://[2001:db8::${hex}]`).hostname.slice(1, -1)
    : `10.0.${Number.parseInt(hex.slice(0, 2), 16)}.${Number.parseInt(hex.slice(2), 16)}`;
}

function add(counts: TalkerCounts, { source, destination, wide, packets, bytes }: Packet): void {
  const length = wide ? 16 : 4;
  const header = new Uint8Array(3 + 2 * length);
  for (const [at, number] of [[3, source] as const, [3 + length, destination] as const]) {
    header.set(wide ? [0x20, 0x01, 0x0d, 0xb8] : [10], at);
    header.set([number >> 8, number & 0xff], at + length - 2);
  }
  counts.add(new DataView(header.buffer), 3, 3 + length, length, packets, bytes);
}

/** Every pair's sums, counted the plain way. */
function countAll(packets: readonly Packet[]): Map<string, { packets: bigint; bytes: bigint }> {
  const sums = new Map<string, { packets: bigint; bytes: bigint }>();
  for (const one of packets) {
    const key = `${textOf(one.source, one.wide)} > ${textOf(one.destination, one.wide)}`;
    const sum = sums.get(key) ?? { packets: 0n, bytes: 0n };
    sums.set(key, { packets: sum.packets + BigInt(one.packets), bytes: sum.bytes + BigInt(one.bytes) });
  }
  return sums;
}

const nameOf = ({ source, destination }: PacketTalker): string => `${source} > ${destination}`;

const packet = (pairs: number): fc.Arbitrary<Packet> =>
  fc.record({
    source: fc.nat(pairs),
    destination: fc.nat(3),
    wide: fc.boolean(),
    packets: fc.integer({ min: 1, max: 256 }),
    bytes: fc.oneof(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 400_000 })),
  });

describe('talkers', () => {
  test('are exact while there are no more pairs than there is room for', () => {
    fc.assert(
      fc.property(fc.array(packet(7), { maxLength: 200 }), fc.integer(), fc.nat(70), (packets, seed, count) => {
        const counts = createTalkerCounts(seed, 64);
        for (const one of packets) add(counts, one);
        const truth = countAll(packets);
        const top = counts.top(count);
        expect(counts.missed_bytes).toBe(0);
        expect(top).toHaveLength(Math.min(count, truth.size));
        expect(new Set(top.map(nameOf)).size).toBe(top.length);
        for (const one of top) {
          expect({ packets: one.packets_estimated, bytes: one.bytes_estimated }).toEqual(truth.get(nameOf(one)));
        }
        const most = [...truth.values()].map(({ bytes }) => bytes).sort((a, b) => Number(b - a));
        expect(top.map((one) => one.bytes_estimated)).toEqual(most.slice(0, count));
      }),
      runs(200),
    );
  });

  test('keep within their bound when there are more: nothing too high, nothing great forgotten', () => {
    fc.assert(
      fc.property(
        fc.array(packet(60), { maxLength: 600 }),
        fc.integer(),
        fc.integer({ min: 1, max: 40 }),
        (packets, seed, pairs_max) => {
          const counts = createTalkerCounts(seed, pairs_max);
          for (const one of packets) add(counts, one);
          const truth = countAll(packets);
          const all = packets.reduce((sum, one) => sum + one.bytes, 0);
          const { missed_bytes } = counts;
          expect(missed_bytes).toBeLessThanOrEqual((2 * all) / pairs_max);
          if (truth.size <= pairs_max) expect(missed_bytes).toBe(0);
          const top = counts.top(pairs_max);
          expect(top.length).toBeLessThanOrEqual(pairs_max);
          for (const one of top) {
            const { packets: sent = 0n, bytes = 0n } = truth.get(nameOf(one)) ?? {};
            expect(one.bytes_estimated).toBeLessThanOrEqual(bytes);
            expect(one.bytes_estimated).toBeGreaterThanOrEqual(bytes - BigInt(missed_bytes));
            expect(one.packets_estimated).toBeLessThanOrEqual(sent);
          }
          const told = new Set(top.map(nameOf));
          for (const [name, { bytes }] of truth) {
            if (!told.has(name)) expect(bytes).toBeLessThanOrEqual(BigInt(missed_bytes));
          }
        },
      ),
      runs(200),
    );
  });

  test('a flood from as many addresses as there are does not hide who sends much, nor change its figures', () => {
    const counts = createTalkerCounts(7, 1024);
    const heavy = { source: 1, destination: 2, wide: false, packets: 1, bytes: 1500 };
    let sent = 0;
    for (let number = 0; number < 200_000; number++) {
      add(counts, { source: 3 + (number % 65_000), destination: number % 7, wide: true, packets: 1, bytes: 60 });
      if (number % 50 === 0) {
        add(counts, heavy);
        sent++;
      }
    }
    expect(counts.top(1)).toEqual([
      {
        source: '10.0.0.1',
        destination: '10.0.0.2',
        packets_estimated: BigInt(sent),
        bytes_estimated: BigInt(sent * 1500),
      },
    ]);
  });
});
