import { blockTypes, padded } from './pcapng_block.ts';
import { encodeTicks } from './pcapng_time.ts';

/** What an enhanced packet block without options takes beside its packet, padded to 32 bits. */
export const enhancedPacketOverheadBytes = 32;

/**
 * Writes an enhanced packet block around the place of its packet, little-endian and in nanoseconds, without options. Returns
 * the offset where the packet goes; the padding after it is left as it is.
 */
export function encodeEnhancedPacket(
  view: DataView,
  offset: number,
  interface_number: number,
  seconds: number,
  nanos: number,
  captured: number,
  original: number,
): number {
  const length = enhancedPacketOverheadBytes + padded(captured);
  view.setUint32(offset, blockTypes.enhanced_packet, true);
  view.setUint32(offset + 4, length, true);
  view.setUint32(offset + 8, interface_number, true);
  encodeTicks(view, offset + 12, seconds, nanos);
  view.setUint32(offset + 20, captured, true);
  view.setUint32(offset + 24, original, true);
  view.setUint32(offset + length - 4, length, true);
  return offset + 28;
}
