import { enterNamespace } from './enter_namespace.ts';
import { addressOf, bind, close, if_nametoindex, lastError, sendmmsg, socket } from './libc.ts';

const AF_PACKET = 17;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0x80000;
const MMSGHDR_BYTES = 64;
const IOVEC_BYTES = 16;
const BATCH_FRAMES = 256;
const full_queue_max_ms = 60_000;
const never = new Int32Array(new SharedArrayBuffer(4));

/** Where frames are sent from: an interface, in this process's network namespace or a named one. */
export interface ReplayFrom {
  readonly name: string;
  readonly namespace?: string | undefined;
}

/** An open raw socket that sends frames. */
export interface FrameSender {
  /**
   * Sends every frame once, in order, exactly as it is, and returns how many (all, or it throws with the frame's number).
   * The kernel refuses frames shorter than an Ethernet header (14 bytes) and above the interface's MTU + 14 (+ 4 for a tag).
   */
  send(frames: readonly Uint8Array[]): number;
  /** Lays frames out once for sending them many times over at full speed. */
  prepare(frames: readonly Uint8Array[]): PreparedFrames;
  close(): void;
}

/** Frames laid out in memory for `sendmmsg`. */
export interface PreparedFrames {
  /** Sends all of them `times` times, in order; returns the number of frames sent. */
  send(times?: number): number;
}

/** Sends frames out of an interface, one by one, and closes again. Returns the number sent, which is the list's length. */
export function replayFrames(from: ReplayFrom, frames: readonly Uint8Array[]): number {
  const sender = openFrameSender(from);
  try {
    return sender.send(frames);
  } finally {
    sender.close();
  }
}

/** Opens a raw packet socket (packet(7)) on an interface. Needs CAP_NET_RAW there. */
export function openFrameSender(from: ReplayFrom): FrameSender {
  const fd = enterNamespace(from.namespace, () => {
    const index = if_nametoindex(from.name);
    if (index === 0) throw lastError(`if_nametoindex ${from.name}`);
    // Protocol 0: the socket receives nothing, so nothing piles up in it.
    const opened = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (opened < 0) throw lastError('socket');
    const address = Buffer.alloc(20);
    address.writeUInt16LE(AF_PACKET, 0);
    address.writeInt32LE(index, 4);
    if (bind(opened, address, address.length) !== 0) {
      const error = lastError(`bind ${from.name}`);
      close(opened);
      throw error;
    }
    return opened;
  });
  const prepare = (frames: readonly Uint8Array[]): PreparedFrames => prepareFrames(fd, from.name, frames);
  return { prepare, send: (frames) => prepare(frames).send(), close: () => void close(fd) };
}

function prepareFrames(fd: number, name: string, frames: readonly Uint8Array[]): PreparedFrames {
  const bytes = Buffer.allocUnsafeSlow(
    Math.max(
      1,
      frames.reduce((sum, frame) => sum + frame.length, 0),
    ),
  );
  const vectors = Buffer.alloc(Math.max(1, frames.length) * IOVEC_BYTES);
  const messages = Buffer.alloc(Math.max(1, frames.length) * MMSGHDR_BYTES);
  const [bytesAt, vectorsAt] = [addressOf(bytes), addressOf(vectors)];
  let offset = 0;
  for (const [index, frame] of frames.entries()) {
    bytes.set(frame, offset);
    vectors.writeBigUInt64LE(bytesAt + BigInt(offset), index * IOVEC_BYTES);
    vectors.writeBigUInt64LE(BigInt(frame.length), index * IOVEC_BYTES + 8);
    // struct msghdr: name 0, namelen 8, iov 16, iovlen 24, control 32, controllen 40, flags 48.
    messages.writeBigUInt64LE(vectorsAt + BigInt(index * IOVEC_BYTES), index * MMSGHDR_BYTES + 16);
    messages.writeBigUInt64LE(1n, index * MMSGHDR_BYTES + 24);
    offset += frame.length;
  }
  const sendOnce = (): void => {
    const patient = performance.now() + full_queue_max_ms;
    let next = 0;
    while (next < frames.length) {
      const count = Math.min(BATCH_FRAMES, frames.length - next);
      const sent = sendmmsg(fd, messages.subarray(next * MMSGHDR_BYTES), count, 0);
      if (sent < 0) {
        const error = lastError(`sending frame ${next} (${frames[next]?.length ?? 0} bytes) out of ${name}`);
        // The receiving processor's queue is full: this frame was not sent, and those before it were.
        if (error.code !== 'ENOBUFS' || performance.now() > patient) throw error;
        Atomics.wait(never, 0, 0, 1);
        continue;
      }
      next += sent;
    }
  };
  return {
    send(times = 1) {
      for (let time = 0; time < times; time += 1) sendOnce();
      // The kernel reads these by address only: they have to live until here.
      return bytes.length > 0 && vectors.length > 0 ? frames.length * times : 0;
    },
  };
}
