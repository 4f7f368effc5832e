import { giveBack } from '../model/give_back.ts';
import type { Frame, FrameHead } from './frame.ts';
import type { Link } from './link.ts';

/** Joins the processes of one machine: what one says to another by name is passed on. */
export interface Relay {
  /** (Re)places the link of that name. */
  attach(name: string, link: Link): void;
}

/**
 * The supervisor's part of the IPC bus; what is said is not looked at. A question to a process that is not there is answered `absent` at once,
 * and so are those that a process takes with it when it dies.
 */
export function createRelay(): Relay {
  const links = new Map<string, Link>();
  /** Questions without an end yet, and whom they went to; by who asked and their number. */
  const open = new Map<string, { readonly ask: FrameHead; readonly target: Link | undefined }>();

  const deny = async (ask: FrameHead): Promise<void> => {
    if (!open.delete(questionOf(ask.from, ask.id))) return;
    const head: FrameHead = { to: ask.from, from: ask.to, id: ask.id, type: 'absent' };
    // An asker that is gone needs no answer.
    await links
      .get(ask.from)
      ?.send({ head, body: [] })
      .catch(() => undefined);
  };

  const pass = async (frame: Frame): Promise<void> => {
    const { head } = frame;
    const target = links.get(head.to);
    if (head.type === 'ask') open.set(questionOf(head.from, head.id), { ask: head, target });
    if (head.type === 'cancel') open.delete(questionOf(head.from, head.id));
    if (head.type === 'end' || head.type === 'absent') open.delete(questionOf(head.to, head.id));
    try {
      if (target === undefined) throw new Error(`${head.to} is not attached`);
      await target.send(frame);
      for (const piece of frame.body) giveBack(piece);
    } catch {
      // Anything else may be lost: the asker's own clock ends it.
      if (head.type === 'ask') await deny(head);
    }
  };

  return {
    attach: (name, link) => {
      links.set(name, link);
      link.onClose(() => {
        if (links.get(name) === link) links.delete(name);
        for (const { ask, target } of open.values()) if (target === link) void deny(ask);
      });
      link.onFrame((frame) => void pass(frame));
    },
  };
}

function questionOf(asker: string, id: number): string {
  return `${asker} ${id}`;
}
