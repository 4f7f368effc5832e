import { type Libpcap, loadLibpcap } from './binding.ts';
import { nativeBytes } from './native_bytes.ts';
import { checked } from './native_fault.ts';

// linux/socket.h, linux/if_packet.h
const SOL_PACKET = 263;
const PACKET_STATISTICS = 6;
/** `struct tpacket_stats_v3`: packets, drops, freezes, 32 bits each; that of the older rings has the first two. */
const statistics_bytes = 12;

/** What a packet socket has counted since it was last asked. */
export interface PacketStatistics {
  /** Packets that passed the filter, with those that were dropped afterwards. */
  readonly accepted: number;
  /** Of these, the ones that found the ring full. */
  readonly dropped: number;
}

/**
 * Asks a packet socket for its counts, which begin anew with that (packet(7)): whoever asks must be the only one. libpcap's
 * own `pcap_stats` asks the same and reads two files of the interface besides, too much for a question at every look into the ring.
 */
export function takePacketStatistics(descriptor: number, { libc }: Libpcap = loadLibpcap()): PacketStatistics {
  const [bytes, length] = [nativeBytes(statistics_bytes), nativeBytes(4)];
  new DataView(length.buffer).setUint32(0, statistics_bytes, true);
  checked('getsockopt', libc.getsockopt(descriptor, SOL_PACKET, PACKET_STATISTICS, bytes, length));
  const view = new DataView(bytes.buffer);
  return { accepted: view.getUint32(0, true), dropped: view.getUint32(4, true) };
}
