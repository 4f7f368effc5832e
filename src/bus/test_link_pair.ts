import type { Link } from './link.ts';

/** Two link ends in one process that copy as IPC does. */
export function linkPair(): [Link, Link] {
  const listeners: [((value: unknown) => void)[], ((value: unknown) => void)[]] = [[], []];
  const closers: (() => void)[] = [];
  let open = true;
  const end = (mine: 0 | 1): Link => ({
    send: async (value) => {
      if (!open) throw new Error('closed');
      const copy: unknown = structuredClone(value);
      setImmediate(() => {
        for (const listener of listeners[mine === 0 ? 1 : 0]) listener(copy);
      });
    },
    onMessage: (listener) => {
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
