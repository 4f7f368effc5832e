/** An Ethernet frame of `length` bytes (at least 46) with IPv4, UDP, and its number at byte 42. */
export function numberedFrame(number: number, length = 60): Uint8Array {
  const frame = new Uint8Array(length);
  const view = new DataView(frame.buffer);
  frame.set([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0]);
  view.setUint16(16, length - 14);
  frame.set([64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2], 22);
  view.setUint16(34, 4000);
  view.setUint16(36, 53);
  view.setUint16(38, length - 34);
  view.setUint32(42, number);
  return frame;
}

/** The number of a frame of `numberedFrame`. */
export function numberOf(frame: Uint8Array): number {
  return new DataView(frame.buffer, frame.byteOffset, frame.length).getUint32(42);
}
