import { type Frame, isFrame } from './frame.ts';
import type { Link } from './link.ts';

/** Joins the processes of one machine: what one says to another by name is passed on. */
export interface Relay {
  /** (Re)places the link of that name. */
  attach(name: string, link: Link): void;
}

/** The supervisor's part of the IPC bus. A question to a process that is not there is answered `absent` at once. */
export function createRelay(): Relay {
  const links = new Map<string, Link>();

  const pass = async (frame: Frame, back: Link): Promise<void> => {
    const target = links.get(frame.to);
    try {
      if (target === undefined) throw new Error(`${frame.to} is not attached`);
      await target.send(frame);
    } catch {
      if (frame.type !== 'ask') return; // anything else may be lost: the asker's own clock ends it
      const absent: Frame = { edgetap: 'bus', to: frame.from, from: frame.to, id: frame.id, type: 'absent' };
      await back.send(absent).catch(() => links.delete(frame.from));
    }
  };

  return {
    attach: (name, link) => {
      links.set(name, link);
      link.onClose(() => {
        if (links.get(name) === link) links.delete(name);
      });
      link.onMessage((value) => {
        if (isFrame(value)) void pass(value, link);
      });
    },
  };
}
