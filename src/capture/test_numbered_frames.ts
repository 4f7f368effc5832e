/** Frames of one round; numbers begin anew with each. */
export const round_frames = 1024;

/**
 * Ethernet frames of an experimental type, each with its number in bytes 14 to 17. With a length of 0 they have different ones:
 * `numberedLength`.
 */
export function numberedFrames(frame_bytes: number): Uint8Array[] {
  return Array.from({ length: round_frames }, (_, number) => {
    const frame = Buffer.alloc(frame_bytes === 0 ? numberedLength(number) : frame_bytes, number & 0xff);
    frame.set([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb6]);
    frame.writeUInt32BE(number, 14);
    return frame;
  });
}

/** The length of a frame where they differ: 60 to 1,459 bytes. */
export function numberedLength(number: number): number {
  return 60 + ((number * 7919) % 1400);
}

/** The number in a frame. */
export function numberIn(frame: Uint8Array): number {
  return new DataView(frame.buffer, frame.byteOffset).getUint32(14);
}

/** Does each number follow the one before? */
export function areContiguous(frames: readonly Uint8Array[]): boolean {
  return frames.every((frame, index) => {
    const before = frames[index - 1];
    return before === undefined || numberIn(frame) === (numberIn(before) + 1) % round_frames;
  });
}
