import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cutFrame, type Frame, frameBytes, wholeFrame } from '../../test/filters/random_frame.ts';
import { createPacketTally } from './packet_tally.ts';
import { createRateTrack } from './rate_track.ts';
import type { RateSpan } from './segment_cover.ts';
import { crowd_begin, recordsOf, runs, type TestPacket } from './test_packets.ts';

interface Sampled {
  readonly frame: Frame;
  readonly packet: TestPacket;
}

const sampled: fc.Arbitrary<Sampled> = fc
  .tuple(fc.oneof(wholeFrame, cutFrame), fc.nat(99), fc.nat(2000))
  .map(([frame, offset, more]) => {
    const whole = frameBytes(frame);
    const bytes = whole.slice(0, Math.min(160, frame.captured ?? 160));
    return { frame, packet: { time: crowd_begin + BigInt(offset), original: whole.length + more, bytes } };
  });

/** Three rates, one after the other, over all that `sampled` makes. */
const spans: readonly RateSpan[] = [
  { from: crowd_begin - 1n, to: crowd_begin + 29n, rate: 1 },
  { from: crowd_begin + 29n, to: crowd_begin + 60n, rate: 16 },
  { from: crowd_begin + 60n, to: crowd_begin + 200n, rate: 4 },
];

/** Who sends to whom, by the frame's plan: both addresses behind two tags at most, and captured whole. */
function pairOf({ frame, packet }: Sampled): string | undefined {
  const { tags, body } = frame;
  const network = 14 + 4 * tags.length;
  if (tags.length > 2 || body.kind === 'other') return undefined;
  const [from, to, end] =
    body.kind === 'arp'
      ? [body.sender, body.target, 28]
      : [body.source, body.destination, body.kind === 'ipv4' ? 20 : 40];
  if (packet.bytes.length < network + end) return undefined;
  return `${addressOf(from)} > ${addressOf(to)}`;
}

function addressOf(octets: readonly number[]): string {
  if (octets.length === 4) return octets.join('.');
  const groups = Array.from({ length: 8 }, (_, index) => (octets[index * 2] ?? 0) * 256 + (octets[index * 2 + 1] ?? 0));
  return new URL(`http://[${groups.map((group) => group.toString(16)).join(':')}]`).hostname.slice(1, -1);
}

describe('a tally', () => {
  test('is what adding up one by one gives, whatever the order and the pieces', () => {
    fc.assert(
      fc.property(fc.array(sampled, { maxLength: 120 }), fc.nat(120), fc.integer(), (all, cut, hash_seed) => {
        const tally = createPacketTally({ linktype: 1, hash_seed });
        const rates = createRateTrack(spans);
        for (const piece of [all.slice(0, cut), all.slice(cut)]) {
          // Not at the beginning of its memory, as a record in a larger read.
          const records = recordsOf(piece.map(({ packet }) => packet));
          const bytes = new Uint8Array(records.length + 7);
          bytes.set(records, 7);
          tally.add(new DataView(bytes.buffer), 7, bytes.length, rates);
        }
        const rateOf = ({ packet }: Sampled): bigint =>
          BigInt(spans.find(({ from, to }) => packet.time > from && packet.time <= to)?.rate ?? 0);
        const sum = (of: (one: Sampled) => bigint, among: readonly Sampled[] = all): bigint =>
          among.reduce((total, one) => total + of(one), 0n);
        const bytesOf = (one: Sampled): bigint => rateOf(one) * BigInt(one.packet.original);
        const { talkers, ...total } = tally.total();
        expect(total).toEqual({
          packets: BigInt(all.length),
          captured_bytes: sum(({ packet }) => BigInt(packet.bytes.length)),
          packets_estimated: sum(rateOf),
          bytes_estimated: sum(bytesOf),
        });
        const pairs = Map.groupBy(all, pairOf);
        pairs.delete(undefined);
        expect(talkers).toHaveLength(Math.min(32, pairs.size));
        for (const one of talkers) {
          const own = pairs.get(`${one.source} > ${one.destination}`) ?? [];
          expect([one.packets_estimated, one.bytes_estimated]).toEqual([sum(rateOf, own), sum(bytesOf, own)]);
        }
        const most = [...pairs.values()].map((own) => sum(bytesOf, own)).sort((a, b) => Number(b - a));
        expect(talkers.map((one) => one.bytes_estimated)).toEqual(most.slice(0, 32));
      }),
      runs(300),
    );
  });

  test('sums beyond what a double counts are exact', () => {
    const tally = createPacketTally({ linktype: 1, hash_seed: 1 });
    const span = { from: crowd_begin - 1n, to: crowd_begin + 9n, rate: 2 ** 32 - 1 };
    const packets = Array.from({ length: 5000 }, () => ({
      time: crowd_begin,
      original: 2 ** 32 - 1,
      bytes: new Uint8Array(14),
    }));
    const records = recordsOf(packets);
    tally.add(new DataView(records.buffer), 0, records.length, createRateTrack([span]));
    const big = 2n ** 32n - 1n;
    expect(tally.total()).toMatchObject({ packets_estimated: 5000n * big, bytes_estimated: 5000n * big * big });
  });
});
