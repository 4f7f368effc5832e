import type { Frame } from './frame.ts';
import type { Link } from './link.ts';

/** Two link ends in one process that copy as IPC does. */
export function linkPair(): [Link, Link] {
  const listeners: [((frame: Frame) => void)[], ((frame: Frame) => void)[]] = [[], []];
  const closers: (() => void)[] = [];
  let open = true;
  const end = (mine: 0 | 1): Link => ({
    send: async (frame) => {
      if (!open) throw new Error('closed');
      const copy = { head: frame.head, body: frame.body.map((piece) => new Uint8Array(piece)) };
      setImmediate(() => {
        for (const listener of listeners[mine === 0 ? 1 : 0]) listener(copy);
      });
    },
    onFrame: (listener) => {
      listeners[mine].push(listener);
    },
    onClose: (listener) => {
      closers.push(listener);
    },
    close: () => {
      if (!open) return;
      open = false;
      for (const closer of closers) closer();
    },
  });
  return [end(0), end(1)];
}
