import { recordHeaderBytes } from '../pcap/pcap_record.ts';
import { createPeek, peekPacket } from '../pcap/peek.ts';
import type { RateTrack } from './rate_track.ts';
import { createTalkerCounts, type PacketTalker } from './talker_counts.ts';

/** What packets come to. */
export interface TalliedPackets {
  readonly packets: bigint;
  readonly captured_bytes: bigint;
  /** The sum of the rates at which they were sampled: for so many packets they stand. */
  readonly packets_estimated: bigint;
  /** The same of their whole lengths. */
  readonly bytes_estimated: bigint;
  /** The pairs of addresses with the most bytes, these first. Packets without addresses, or cut off before them, are of no pair. */
  readonly talkers: readonly PacketTalker[];
}

/** Adds up packets of one link type. */
export interface PacketTally {
  /** Adds the whole little-endian nanosecond pcap records in [start, end); `rates` are of the segment, or stream, that they are from. */
  add(view: DataView, start: number, end: number, rates: RateTrack): void;
  /** What has been added up to now. */
  total(): TalliedPackets;
}

/** What a tally is made for. */
export interface PacketTallyOptions {
  readonly linktype: number;
  /** See `createTalkerCounts`. */
  readonly hash_seed: number;
  readonly pairs_max?: number;
}

/**
 * Pairs that are told of one interface: more than anybody wants to see, because those of several interfaces are added up before the
 * greatest are chosen.
 */
const talkers_told = 32;

/** Makes an empty tally. Its memory is that of its talkers, however many packets there are. */
export function createPacketTally({ linktype, hash_seed, pairs_max }: PacketTallyOptions): PacketTally {
  const talkers = createTalkerCounts(hash_seed, pairs_max);
  const peek = createPeek();
  let [packets, captured_bytes, packets_estimated, bytes_estimated] = [0n, 0n, 0n, 0n];
  // Of packets with the same rate, not yet in the sums: doubles are exact as far as the bytes of one call go.
  let [run_rate, run_packets, run_bytes] = [1, 0, 0];

  const endRun = (rate: number): void => {
    packets += BigInt(run_packets);
    packets_estimated += BigInt(run_packets) * BigInt(run_rate);
    bytes_estimated += BigInt(run_bytes) * BigInt(run_rate);
    [run_rate, run_packets, run_bytes] = [rate, 0, 0];
  };

  return {
    add(view, start, end, rates) {
      let all_captured = 0;
      for (let at = start; at < end; ) {
        const captured = view.getUint32(at + 8, true);
        const original = view.getUint32(at + 12, true);
        const rate = rates.rateAt(view.getUint32(at, true), view.getUint32(at + 4, true));
        if (rate !== run_rate) endRun(rate);
        run_packets++;
        run_bytes += original;
        all_captured += captured;
        peekPacket(linktype, view, at + recordHeaderBytes, captured, peek);
        const { source_offset, destination_offset, address_length } = peek;
        if (source_offset >= 0 && destination_offset >= 0) {
          talkers.add(view, source_offset, destination_offset, address_length, rate, rate * original);
        }
        at += recordHeaderBytes + captured;
      }
      endRun(run_rate);
      captured_bytes += BigInt(all_captured);
    },
    total: () => ({
      packets,
      captured_bytes,
      packets_estimated,
      bytes_estimated,
      talkers: talkers.top(talkers_told),
    }),
  };
}
