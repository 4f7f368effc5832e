import { openFrameSender, type ReplayFrom } from './replay_frames.ts';

/** Traffic of numbered frames, at a steady rate. */
export interface NumberedTraffic {
  /** The number of the next frame. */
  next(): number;
  /** Sends so many more at full speed. */
  burst(count: number): void;
  stop(): void;
}

const turn_ms = 10;
const batch_frames = 1024;

/**
 * Sends Ethernet frames of an experimental type, `frames_per_s` of `frame_bytes` each, numbered from `first` on, until it is
 * stopped.
 */
export function startNumberedTraffic(
  from: ReplayFrom,
  rate: { readonly frames_per_s: number; readonly frame_bytes: number; readonly first: number },
): NumberedTraffic {
  const sender = openFrameSender(from);
  const begun = performance.now();
  let [turns, sent] = [0, 0];
  const send = (count: number): void => {
    sender.send(
      Array.from({ length: count }, (_, index) => numberedFrame(rate.first + sent + index, rate.frame_bytes)),
    );
    sent += count;
  };
  const timer = setInterval(() => {
    const due = Math.floor(((performance.now() - begun) * rate.frames_per_s) / 1000);
    // After a pause of this process it does not catch up all at once.
    send(Math.min(due - turns, rate.frames_per_s / 10));
    turns = due;
  }, turn_ms);
  return {
    next: () => rate.first + sent,
    burst: (count) => {
      for (let left = count; left > 0; left -= batch_frames) send(Math.min(left, batch_frames));
    },
    stop: () => {
      clearInterval(timer);
      sender.close();
    },
  };
}

/** An Ethernet frame of an experimental type with a number in it. */
export function numberedFrame(number: number, frame_bytes: number): Uint8Array {
  const frame = Buffer.alloc(frame_bytes, number & 0xff);
  frame.set([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb6]);
  frame.writeUInt32BE(number, 14);
  return frame;
}

/** The number in such a frame. */
export function numberOf(frame: Uint8Array): number {
  return new DataView(frame.buffer, frame.byteOffset).getUint32(14);
}
