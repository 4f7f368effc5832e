import { giveBack } from '../model/give_back.ts';
import type { Frame, FrameHead } from './frame.ts';
import type { Link } from './link.ts';

/** Joins the processes of one machine: what one says to another's address is passed on. */
export interface Relay {
  /** (Re)places the link of that address. */
  attach(address: string, link: Link): void;
}

/** A question without an end yet. */
interface Question {
  readonly ask: FrameHead;
  /** Who asked: an answer is for this process, not for another that has its address by then. */
  readonly asker: Link;
  /** Whom it went to: no other process can answer it. */
  readonly target: Link | undefined;
}

/**
 * The supervisor's part of the IPC bus; what is said is not looked at. A question to a process that is not there is answered `absent` at once,
 * and so are those that a process takes with it when it dies. One whose asker is gone is cancelled.
 */
export function createRelay(): Relay {
  const links = new Map<string, Link>();
  /** By who asked and their number. */
  const open = new Map<string, Question>();

  /** What cannot arrive is lost: who waits for it is told when the link closes. */
  const send = async (link: Link | undefined, frame: Frame): Promise<boolean> => {
    if (link === undefined) return false;
    try {
      await link.send(frame);
      return true;
    } catch {
      return false;
    }
  };

  const deny = async ({ ask, asker }: Question): Promise<void> => {
    if (!open.delete(questionOf(ask.from, ask.id))) return;
    await send(asker, { head: { to: ask.from, from: ask.to, id: ask.id, type: 'absent' }, body: [] });
  };

  const cancel = async ({ ask, target }: Question): Promise<void> => {
    open.delete(questionOf(ask.from, ask.id));
    await send(target, { head: { ...ask, type: 'cancel' }, body: [] });
  };

  /** The link that a frame goes to; undefined where it is for nobody any more. */
  const targetOf = ({ to, from, id, type }: FrameHead, source: Link): Link | undefined => {
    if (type === 'tell' || type === 'ask') return links.get(to);
    const isAskers = type === 'cancel';
    const key = isAskers ? questionOf(from, id) : questionOf(to, id);
    const question = open.get(key);
    if (question === undefined || (isAskers ? question.asker : question.target) !== source) return undefined;
    if (type !== 'answer') open.delete(key);
    return isAskers ? question.target : question.asker;
  };

  const pass = async (frame: Frame, source: Link): Promise<void> => {
    const { head } = frame;
    const target = targetOf(head, source);
    const question = head.type === 'ask' ? { ask: head, asker: source, target } : undefined;
    if (question !== undefined) open.set(questionOf(head.from, head.id), question);
    const sent = await send(target, frame);
    for (const piece of sent ? frame.body : []) giveBack(piece);
    // Anything else may be lost: the asker's own clock ends it.
    if (!sent && question !== undefined) await deny(question);
  };

  return {
    attach: (address, link) => {
      links.set(address, link);
      link.onClose(() => {
        if (links.get(address) === link) links.delete(address);
        for (const question of open.values()) {
          if (question.asker === link) void cancel(question);
          else if (question.target === link) void deny(question);
        }
      });
      link.onFrame((frame) => {
        // Nobody speaks for another.
        if (frame.head.from === address) void pass(frame, link);
      });
    },
  };
}

function questionOf(asker: string, id: string): string {
  return `${id} ${asker}`;
}
