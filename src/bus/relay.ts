import { type Frame, isFrame } from './frame.ts';
import type { Link } from './link.ts';

/** Joins the processes of one machine: what one says to another by name is passed on. */
export interface Relay {
  /** (Re)places the link of that name. */
  attach(name: string, link: Link): void;
}

/**
 * The supervisor's part of the IPC bus. A question to a process that is not there is answered `absent` at once, and so are
 * those that a process takes with it when it dies.
 */
export function createRelay(): Relay {
  const links = new Map<string, Link>();
  /** Questions without an end yet, and whom they went to; by who asked and their number. */
  const open = new Map<string, { readonly ask: Frame; readonly target: Link | undefined }>();

  const deny = async (ask: Frame): Promise<void> => {
    if (!open.delete(questionOf(ask.from, ask.id))) return;
    const absent: Frame = { edgetap: 'bus', to: ask.from, from: ask.to, id: ask.id, type: 'absent' };
    // An asker that is gone needs no answer.
    await links
      .get(ask.from)
      ?.send(absent)
      .catch(() => undefined);
  };

  const pass = async (frame: Frame): Promise<void> => {
    const target = links.get(frame.to);
    if (frame.type === 'ask') open.set(questionOf(frame.from, frame.id), { ask: frame, target });
    if (frame.type === 'cancel') open.delete(questionOf(frame.from, frame.id));
    if (frame.type === 'end' || frame.type === 'absent') open.delete(questionOf(frame.to, frame.id));
    try {
      if (target === undefined) throw new Error(`${frame.to} is not attached`);
      await target.send(frame);
    } catch {
      // Anything else may be lost: the asker's own clock ends it.
      if (frame.type === 'ask') await deny(frame);
    }
  };

  return {
    attach: (name, link) => {
      links.set(name, link);
      link.onClose(() => {
        if (links.get(name) === link) links.delete(name);
        for (const { ask, target } of open.values()) if (target === link) void deny(ask);
      });
      link.onMessage((value) => {
        if (isFrame(value)) void pass(value);
      });
    },
  };
}

function questionOf(asker: string, id: number): string {
  return `${asker} ${id}`;
}
