import type { Duplex } from 'node:stream';
import { FaultError, fault } from '../model/errors/fault.ts';
import type { Frame } from './frame.ts';
import { encodeFrame, FrameReader } from './frame_codec.ts';
import type { Link } from './link.ts';

/** Opens a stream that hands what it reads to `take`, which is done with a chunk when it returns. */
export type OpenSocket = (take: (chunk: Uint8Array) => void) => Duplex;

/**
 * A link over a stream socket, such as the pipe that a child is forked with. It is opened, and so read, when somebody first listens or
 * sends. A stream that breaks the rules of frames is closed.
 */
export function socketLink(open: OpenSocket, peer: string): Link {
  const listeners: ((frame: Frame) => void)[] = [];
  const reader = new FrameReader();
  let opened: Duplex | undefined;
  const take = (chunk: Uint8Array): void => {
    let frames: readonly Frame[];
    try {
      frames = reader.push(chunk);
    } catch (error) {
      opened?.destroy(error instanceof Error ? error : new Error(String(error)));
      return;
    }
    for (const frame of frames) for (const listener of listeners) listener(frame);
  };
  const theSocket = (): Duplex => {
    if (opened !== undefined) return opened;
    opened = open(take);
    // Its close tells of it.
    opened.on('error', () => undefined);
    return opened;
  };
  return {
    send: (frame) =>
      new Promise((resolve, reject) => {
        const failed = (cause: Error): void => {
          reject(new FaultError([fault('bus_closed', { peer })], { cause }));
        };
        const socket = theSocket();
        if (!socket.writable) return failed(new Error('the other end is gone'));
        const pieces = encodeFrame(frame);
        const last = pieces.length - 1;
        socket.cork();
        for (const [index, piece] of pieces.entries()) {
          const sent = (error: Error | null | undefined): void => (error ? failed(error) : resolve());
          if (index === last) socket.write(piece, sent);
          else socket.write(piece);
        }
        socket.uncork();
      }),
    onFrame: (listener) => {
      listeners.push(listener);
      theSocket();
    },
    onClose: (listener) => {
      const socket = theSocket();
      if (socket.closed) listener();
      else socket.once('close', listener);
    },
    close: () => {
      theSocket().destroy();
    },
  };
}
