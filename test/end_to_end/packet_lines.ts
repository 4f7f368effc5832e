import { readPackets } from '../support/read_packets.ts';
import type { TcpdumpCapture } from '../support/tcpdump_peer.ts';

/** One line a packet: its time, its length on the wire, its bytes. */
export function packetLines(file: Uint8Array): readonly string[] {
  const { packets, error } = readPackets([file]);
  if (error !== undefined) throw new Error('the file is damaged', { cause: error });
  return packets.map(({ time, original, data }) => line(time, original, data));
}

/** tcpdump's packets as such lines, in the order of (time, arrival). */
export function peerLines(peer: TcpdumpCapture): readonly string[] {
  return mergedPeerLines([peer]);
}

/** The packets of several in the order of (time, interface, arrival). */
export function mergedPeerLines(peers: readonly TcpdumpCapture[]): readonly string[] {
  return peers
    .flatMap(({ packets }) => packets)
    .toSorted((one, other) => (one.time < other.time ? -1 : Number(one.time > other.time)))
    .map(({ time, original_bytes, bytes }) => line(time, original_bytes, bytes));
}

function line(time: bigint, original: number, data: Uint8Array): string {
  return `${time} ${original} ${Buffer.from(data).toString('hex')}`;
}
