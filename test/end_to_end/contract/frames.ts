import { frame as ethernet } from '../../fixtures/protocol_frames.ts';
import { ethertypes, ip4, udp, tcp } from '../../fixtures/protocol_packets.ts';

/** An IPv4 packet in a frame, with a number in its last bytes by which a test knows it again. */
export function numbered(
  number: number,
  of: {
    readonly from?: string;
    readonly to?: string;
    readonly protocol?: 'tcp' | 'udp';
    readonly tags?: readonly (readonly [number, number])[];
  } = {},
): Uint8Array {
  const { from = '192.0.2.1', to = '198.51.100.7', protocol = 'udp', tags = [] } = of;
  const mark = [...Array.from({ length: 30 }, () => 0), (number >> 8) & 0xff, number & 0xff];
  const payload = protocol === 'udp' ? udp(4000, 5000, mark) : tcp(4000, 5000, 0x18, mark);
  const bytes = ip4({ from: octets(from), to: octets(to), protocol: protocol === 'udp' ? 17 : 6, payload });
  return ethernet(ethertypes.ipv4, bytes, tags);
}

/** The number of such a frame. */
export function numberOf(frame: Uint8Array): number {
  return Buffer.from(frame).readUInt16BE(frame.length - 2);
}

function octets(address: string): readonly number[] {
  return address.split('.').map(Number);
}
