const recordHeaderBytes = 16;

/**
 * The length of `count` records of a classic pcap file from `start` on, as their headers tell it. Where one begins outside of
 * the memory, the rest is not known, and the result reaches beyond the memory's end.
 */
export function recordsLength(view: DataView, start: number, count: number): number {
  const last = view.byteLength - recordHeaderBytes;
  let at = start;
  for (let index = 0; index < count; index += 1) {
    if (at > last) return at + recordHeaderBytes - start;
    at += recordHeaderBytes + view.getUint32(at + 8, true);
  }
  return at - start;
}
