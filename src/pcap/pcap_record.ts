/** Length of the header before each packet of a classic pcap file: seconds, fraction, captured and original length. */
export const recordHeaderBytes = 16;

/** Writes one record's header, little-endian. Returns the offset after it, where the packet goes. */
export function encodeRecordHeader(
  view: DataView,
  offset: number,
  seconds: number,
  nanos: number,
  captured: number,
  original: number,
): number {
  view.setUint32(offset, seconds, true);
  view.setUint32(offset + 4, nanos, true);
  view.setUint32(offset + 8, captured, true);
  view.setUint32(offset + 12, original, true);
  return offset + recordHeaderBytes;
}
