import type { Serializable } from 'node:child_process';
import { FaultError, fault } from '../model/errors/fault.ts';
import type { Link } from './link.ts';

/** The Node IPC pipe of a process: a forked child as its parent holds it, or `process` inside the child. */
interface IpcEnd {
  readonly connected: boolean;
  send?:
    | ((message: Serializable, handle: undefined, options: undefined, done: (error: Error | null) => void) => boolean)
    | undefined;
  disconnect?: (() => void) | undefined;
  on(event: 'message', listener: (message: unknown) => void): unknown;
  off(event: 'message', listener: (message: unknown) => void): unknown;
  on(event: 'disconnect', listener: () => void): unknown;
}

/**
 * A link over Node IPC. Fork with `serialization: 'advanced'`: messages hold bigints and bytes. What comes before the first
 * listener is kept for it, and handed over once the code that attached it has run to its end.
 */
export function processLink(end: IpcEnd, peer: string): Link {
  const listeners: ((message: unknown) => void)[] = [];
  const early: unknown[] = [];
  const keep = (message: unknown): void => void early.push(message);
  const hand = (message: unknown): void => {
    for (const listener of listeners) listener(message);
  };
  end.on('message', keep);
  return {
    send: (value) =>
      new Promise((resolve, reject) => {
        const failed = (cause: Error): void => {
          reject(new FaultError([fault('bus_closed', { peer })], { cause }));
        };
        if (!end.connected || end.send === undefined) return failed(new Error('disconnected'));
        end.send(value as Serializable, undefined, undefined, (error) => (error === null ? resolve() : failed(error)));
      }),
    onMessage: (listener) => {
      listeners.push(listener);
      if (listeners.length > 1) return;
      setImmediate(() => {
        end.off('message', keep);
        end.on('message', hand);
        for (const message of early.splice(0)) hand(message);
      });
    },
    onClose: (listener) => {
      end.on('disconnect', listener);
    },
    close: () => {
      if (end.connected) end.disconnect?.();
    },
  };
}
