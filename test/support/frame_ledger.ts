import { fork } from 'node:child_process';
import { once } from 'node:events';
import type { ReplayFrom } from './replay_frames.ts';

/** Frames that went out in one call, and between which two moments. Each is stamped by the kernel on its way. */
export interface SentBatch {
  /** The number of the first; the others follow. */
  readonly first: number;
  readonly count: number;
  /** Unix nanoseconds, of a clock that counts milliseconds: not after the first frame left. */
  readonly before: bigint;
  /** Not before the last frame left. */
  readonly after: bigint;
}

/** What is sent. */
export interface LedgerRate {
  readonly frames_per_s: number;
  readonly frame_bytes: number;
  /** The number of the first frame. */
  readonly first: number;
}

/** What a ledger's process is asked. */
export type LedgerOrder =
  | ({ readonly kind: 'begin'; readonly from: ReplayFrom } & LedgerRate)
  | { readonly kind: 'burst'; readonly count: number }
  | { readonly kind: 'pause' | 'resume' | 'tell' };

/** Numbered frames that are sent all the time, with a record of when each was sent. */
export interface FrameLedger {
  /** Sends so many more, as fast as it goes. Resolves when they are out. */
  burst(count: number): Promise<void>;
  /** Sends nothing until `resume`. Resolves when the last frame is out. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** All that was sent so far, in order. */
  sent(): Promise<readonly SentBatch[]>;
  stop(): Promise<void>;
}

/**
 * Sends Ethernet frames of an experimental type, numbered from `first` on, in a process of its own, so that nothing that stops this
 * process or the product stops them. The number is read by `numberOf` of `numbered_traffic`.
 */
export async function openFrameLedger(from: ReplayFrom, rate: LedgerRate): Promise<FrameLedger> {
  const child = fork(new URL('./frame_ledger_child.ts', import.meta.url), { serialization: 'advanced' });
  const gone = once(child, 'exit');
  const ask = async (order: LedgerOrder): Promise<readonly SentBatch[]> => {
    const answered = once(child, 'message');
    child.send(order);
    const dead = gone.then(() => Promise.reject(new Error(`the sender on ${from.name} has ended by itself`)));
    const [sent] = (await Promise.race([answered, dead])) as [readonly SentBatch[]];
    return sent;
  };
  // One question at a time: an answer does not say what it answers.
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = (order: LedgerOrder): Promise<readonly SentBatch[]> => {
    const answer = last.then(() => ask(order));
    last = answer.catch(() => []);
    return answer;
  };
  await inTurn({ kind: 'begin', from: { name: from.name, namespace: from.namespace }, ...rate });
  return {
    burst: async (count) => void (await inTurn({ kind: 'burst', count })),
    pause: async () => void (await inTurn({ kind: 'pause' })),
    resume: async () => void (await inTurn({ kind: 'resume' })),
    sent: () => inTurn({ kind: 'tell' }),
    stop: async () => {
      if (child.connected) child.disconnect();
      await gone;
    },
  };
}
