import { randomUUID } from 'node:crypto';
import { FaultError, fault, raise } from '../model/errors/fault.ts';
import type { AskOptions } from './bus.ts';
import { addressee } from './address.ts';
import { decodeBody, encodeBody } from './body_codec.ts';
import type { Frame, FrameHead } from './frame.ts';
import type { Link } from './link.ts';

/** A question that waits for answers. */
interface Waiting {
  /** Whom it went to: nobody else's answer counts. */
  readonly to: string;
  answer(body: unknown): void;
  end(): void;
  fail(error: FaultError): void;
}

/** What this end does with what others send. */
export interface Conversation {
  ask(to: string, body: unknown, options: AskOptions): AsyncIterable<unknown>;
  tell(to: string, body: unknown): void;
  onAsk(handler: (body: unknown, from: string, signal: AbortSignal) => AsyncIterable<unknown>): void;
  onTell(handler: (body: unknown) => void): void;
  readonly closed: Promise<void>;
  close(): void;
}

function idle(): void {}

function closedError(address: string): FaultError {
  return new FaultError([fault('bus_closed', { peer: addressee(address) })]);
}

/** Questions with one or many answers over a link; the same for control and for sensors. `self` is its address. */
export function converse(link: Link, self: string): Conversation {
  const waiting = new Map<string, Waiting>();
  const answering = new Map<string, AbortController>();
  // An answer to a process that is gone must not be taken for one to the process that has its address now.
  const process_id = randomUUID();
  let asked_count = 0;
  let isClosed = false;
  let onAsk: ((body: unknown, from: string, signal: AbortSignal) => AsyncIterable<unknown>) | undefined;
  let onTell: ((body: unknown) => void) | undefined;
  const { promise: closed, resolve: resolveClosed } = Promise.withResolvers<void>();

  // A frame that cannot leave is a lost message: whoever waits for it is told by onClose.
  const post = async (head: Omit<FrameHead, 'from'>, body?: unknown): Promise<boolean> => {
    try {
      await link.send({ head: { from: self, ...head }, body: encodeBody(body) });
      return true;
    } catch (error) {
      if (error instanceof FaultError) return false;
      throw error;
    }
  };

  const reply = async ({ from, id }: FrameHead, asked: unknown): Promise<void> => {
    const key = `${from} ${id}`;
    const controller = new AbortController();
    answering.set(key, controller);
    const base = { to: from, id };
    try {
      if (onAsk !== undefined) {
        // While one leaves, the next one is made.
        let leaving = Promise.resolve(true);
        for await (const body of onAsk(asked, from, controller.signal)) {
          if (controller.signal.aborted || !(await leaving)) return;
          leaving = post({ ...base, type: 'answer' }, body);
        }
        if (!(await leaving)) return;
      }
      await post({ ...base, type: onAsk === undefined ? 'absent' : 'end' });
    } finally {
      answering.delete(key);
    }
  };

  link.onFrame((frame) => {
    const { head } = frame;
    if (head.to !== self) return;
    const found = waiting.get(head.id);
    const asked = found?.to === head.from ? found : undefined;
    switch (head.type) {
      case 'ask':
        void reply(head, bodyOf(frame));
        return;
      case 'tell':
        onTell?.(bodyOf(frame));
        return;
      case 'cancel':
        answering.get(`${head.from} ${head.id}`)?.abort();
        return;
      case 'answer':
        asked?.answer(bodyOf(frame));
        return;
      case 'end':
        asked?.end();
        return;
      case 'absent':
        asked?.fail(closedError(head.from));
        return;
    }
  });
  link.onClose(() => {
    isClosed = true;
    for (const one of waiting.values()) one.fail(closedError('the supervisor'));
    for (const one of answering.values()) one.abort();
    resolveClosed();
  });

  async function* ask(to: string, body: unknown, options: AskOptions): AsyncGenerator<unknown, void, void> {
    if (isClosed) throw closedError(to);
    asked_count += 1;
    const id = `${process_id} ${asked_count}`;
    const arrived: unknown[] = [];
    let state: 'open' | 'ended' | FaultError = 'open';
    let wake: () => void = idle;
    waiting.set(id, {
      to,
      answer: (value) => {
        arrived.push(value);
        wake();
      },
      end: () => {
        state = 'ended';
        wake();
      },
      fail: (error) => {
        state = error;
        wake();
      },
    });
    let silent = false;
    const cancelled = (): boolean => options.signal?.aborted ?? false;
    const onAbort = (): void => wake();
    options.signal?.addEventListener('abort', onAbort);
    try {
      if (!(await post({ to, id, type: 'ask' }, body))) throw closedError(to);
      for (;;) {
        while (arrived.length > 0) yield arrived.shift();
        const now = state as 'open' | 'ended' | FaultError;
        if (now === 'ended') return;
        if (now !== 'open') throw now;
        if (cancelled()) return;
        const { promise, resolve } = Promise.withResolvers<void>();
        wake = resolve;
        const timer = setTimeout(() => {
          silent = true;
          resolve();
        }, options.timeout_ms);
        await promise;
        clearTimeout(timer);
        if (silent && arrived.length === 0 && state === 'open') {
          raise('bus_timeout', { peer: addressee(to), limit_ms: options.timeout_ms });
        }
        silent = false;
      }
    } finally {
      options.signal?.removeEventListener('abort', onAbort);
      waiting.delete(id);
      if (state === 'open') void post({ to, id, type: 'cancel' });
    }
  }

  return {
    ask,
    tell: (to, body) => void post({ to, id: '', type: 'tell' }, body),
    onAsk: (handler) => {
      onAsk = handler;
    },
    onTell: (handler) => {
      onTell = handler;
    },
    closed,
    close: () => link.close(),
  };
}

/** What both ends check against the schemas of the wire; a body that cannot be read at all is nothing that they know. */
function bodyOf({ body }: Frame): unknown {
  try {
    return decodeBody(body);
  } catch {
    return undefined;
  }
}
