import { accept_bytes } from './program.ts';

/** The header of a classic pcap file with nanosecond times, little-endian: 24 bytes (pcap-savefile(5)). */
export function matchHeader(linktype: number): Uint8Array {
  const bytes = new Uint8Array(24);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0xa1b2_3c4d, true);
  view.setUint16(4, 2, true);
  view.setUint16(6, 4, true);
  view.setUint32(16, accept_bytes, true);
  view.setUint32(20, linktype, true);
  return bytes;
}
