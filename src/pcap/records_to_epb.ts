import { raise } from '../model/errors/fault.ts';
import { padded } from './pcapng_block.ts';
import { encodeEnhancedPacket, enhancedPacketOverheadBytes } from './pcapng_epb.ts';
import { recordHeaderBytes } from './pcap_record.ts';

/**
 * Turns a block of whole pcap records, little-endian and in nanoseconds as libpcap writes them here, into enhanced packet
 * blocks of one interface, in bulk. Throws `pcap_malformed` where the block does not end with a record.
 */
export function recordsToEnhancedPackets(records: Uint8Array, interface_number: number): Uint8Array {
  const from = new DataView(records.buffer, records.byteOffset, records.byteLength);
  const bytes = new Uint8Array(enhancedPacketsBytes(from));
  const view = new DataView(bytes.buffer);
  let [at, to] = [0, 0];
  while (at < records.length) {
    const captured = from.getUint32(at + 8, true);
    const packet = at + recordHeaderBytes;
    const place = encodeEnhancedPacket(
      view,
      to,
      interface_number,
      from.getUint32(at, true),
      from.getUint32(at + 4, true),
      captured,
      from.getUint32(at + 12, true),
    );
    bytes.set(records.subarray(packet, packet + captured), place);
    to += enhancedPacketOverheadBytes + padded(captured);
    at = packet + captured;
  }
  return bytes;
}

function enhancedPacketsBytes(records: DataView): number {
  let [at, total] = [0, 0];
  while (at < records.byteLength) {
    const left = records.byteLength - at - recordHeaderBytes;
    const captured = left < 0 ? 0 : records.getUint32(at + 8, true);
    if (captured > left) raise('pcap_malformed', { offset: at, reason: 'a record longer than its block' });
    total += enhancedPacketOverheadBytes + padded(captured);
    at += recordHeaderBytes + captured;
  }
  return total;
}
