import { type Libpcap, loadLibpcap } from './binding.ts';
import { nativeBytes } from './native_bytes.ts';
import { checked } from './native_fault.ts';

const AF_PACKET = 17;
/** `struct sockaddr_ll` of packet(7). */
const addressBytes = 20;

/** What a packet socket listens to. */
export interface PacketAddress {
  /** EtherType in host byte order: 0 for nothing, 3 (`ETH_P_ALL`) for everything. */
  readonly protocol: number;
  /** -1 once the interface was removed. */
  readonly ifindex: number;
}

/** Makes a packet socket listen to an interface (packet(7)): from here on its packets come. */
export function bindPacketSocket(descriptor: number, address: PacketAddress, { libc }: Libpcap = loadLibpcap()): void {
  const bytes = nativeBytes(addressBytes);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, AF_PACKET, true);
  view.setUint16(2, address.protocol);
  view.setInt32(4, address.ifindex, true);
  checked('bind', libc.bind(descriptor, bytes, bytes.length));
}

/** What a packet socket listens to now. The kernel keeps the interface's number current, whatever its name becomes. */
export function packetAddress(descriptor: number, { libc }: Libpcap = loadLibpcap()): PacketAddress {
  // The kernel answers with room for the longest hardware address.
  const bytes = nativeBytes(128);
  const length = nativeBytes(4);
  new DataView(length.buffer).setUint32(0, bytes.length, true);
  checked('getsockname', libc.getsockname(descriptor, bytes, length));
  const view = new DataView(bytes.buffer);
  return { protocol: view.getUint16(2), ifindex: view.getInt32(4, true) };
}
