import { describe, expect, test } from 'vitest';
import { fault, type Fault, raise } from '../model/errors/fault.ts';
import type { ControlReply } from '../wire/sensor_messages.ts';
import type { AskControl, Question } from './ask_control.ts';
import { type Beat, createBeat } from './beat.ts';
import { Outbox } from './outbox.ts';

/** A beat under a clock that goes on only by hand, before a control that is one function. */
function beating(control: (question: Question) => ControlReply): {
  beat: Beat;
  outbox: Outbox;
  asked: Question[];
  reconciled: () => number;
  warned: string[];
  /** Lets this much time pass, a second at a time. */
  pass: (seconds: number) => Promise<void>;
  end: () => Promise<void>;
} {
  const over = new AbortController();
  const sleepers = new Set<{ left_ms: number; wake: () => void }>();
  const asked: Question[] = [];
  const warned: string[] = [];
  let reconciled = 0;
  const outbox: Outbox = new Outbox(
    () => beat.soon(),
    () => 0n,
  );
  const ask: AskControl = async (question, kind) => {
    asked.push(question);
    const reply = control(question);
    if (reply.kind !== kind) return raise('request_malformed', { reason: reply.kind });
    // What was asked for is what came.
    return reply as Extract<ControlReply, { kind: typeof kind }>;
  };
  const beat = createBeat({
    ask,
    outbox,
    signal: over.signal,
    clock: {
      now: () => 0n,
      monotonic: () => 0n,
      sleep: async (ms, signal) => {
        if (signal.aborted) return;
        const { promise, resolve } = Promise.withResolvers<void>();
        const sleeper = { left_ms: ms, wake: resolve };
        sleepers.add(sleeper);
        signal.addEventListener('abort', () => resolve(), { once: true });
        await promise;
        sleepers.delete(sleeper);
      },
    },
    work: {
      reconcile: () => (reconciled += 1),
      holds: () => [],
      setAside: () => [],
      leave: () => undefined,
      progress: () => undefined,
      stop: async () => undefined,
      settled: async () => undefined,
    },
    warn: ({ message }: Fault, context) => warned.push(`${context}: ${message}`),
    describe: async () => ({
      colo: 'HOME',
      interfaces: [],
      spool_used_bytes: 0n,
      spool_limit_bytes: 0n,
      samples: [],
    }),
  });
  const running = beat.run();
  const settle = async (): Promise<void> => await new Promise((resolve) => setImmediate(resolve));
  return {
    beat,
    outbox,
    asked,
    reconciled: () => reconciled,
    warned,
    pass: async (seconds) => {
      await settle();
      for (let second = 0; second < seconds; second += 1) {
        for (const sleeper of sleepers) {
          sleeper.left_ms -= 1000;
          if (sleeper.left_ms <= 0) sleeper.wake();
        }
        await settle();
      }
    },
    end: async () => {
      over.abort();
      await running;
    },
  };
}

/** A control that knows of work of this generation and takes every report. */
function control(generation: () => bigint): (question: Question) => ControlReply {
  return (question) => {
    if (question.kind === 'heartbeat') return { kind: 'heartbeat_ok', generation: generation() };
    if (question.kind === 'desired') return { kind: 'work', generation: generation(), assignments: [] };
    if (question.kind !== 'report') return raise('request_malformed', { reason: question.kind });
    const committed = question.reports.map(({ capture_id, interface: name, sequence }) => ({
      capture_id,
      interface: name,
      sequence,
    }));
    return { kind: 'report_ok', committed };
  };
}

const kinds = (asked: readonly Question[]): readonly string[] => asked.map(({ kind }) => kind);

describe('the beat', () => {
  test('says every two seconds that it is there, and fetches its work once', async () => {
    const { beat, asked, reconciled, pass, end } = beating(control(() => 7n));
    await pass(0);
    await beat.known;
    await pass(6);
    expect(asked.filter(({ kind }) => kind === 'heartbeat')).toHaveLength(4);
    expect(
      asked.filter(({ kind }) => kind === 'heartbeat').map((one) => 'generation' in one && one.generation),
    ).toEqual([-1n, 7n, 7n, 7n]);
    // Once for what it does not know at its start, and once for what the first heartbeat says.
    expect(reconciled()).toBe(asked.filter(({ kind }) => kind === 'desired').length);
    expect(reconciled()).toBeLessThanOrEqual(2);
    await end();
  });

  test('fetches new work as soon as it is nudged', async () => {
    let generation = 1n;
    const { beat, asked, reconciled, pass, end } = beating(control(() => generation));
    await pass(3);
    const [before, questions] = [reconciled(), asked.length];
    generation = 2n;
    beat.nudge(2n);
    await pass(0);
    expect([reconciled(), kinds(asked.slice(questions))]).toEqual([before + 1, ['desired']]);
    beat.nudge(2n);
    await pass(0);
    expect(reconciled()).toBe(before + 1);
    await end();
  });

  test('tells what is urgent at once, at most 1024 reports in a message, and nothing twice', async () => {
    const { outbox, asked, pass, end } = beating(control(() => 1n));
    await pass(1);
    const before = asked.length;
    for (let index = 0; index < 1025; index += 1) {
      outbox.put({ capture_id: index.toString(16).padStart(32, '0'), interface: 'eth0', phase: 'armed' });
    }
    await pass(3);
    const sizes = asked.slice(before).flatMap((one) => (one.kind === 'report' ? [one.reports.length] : []));
    expect(sizes).toEqual([1024, 1]);
    expect(outbox.pending()).toEqual([]);
    await end();
  });

  test('tries again what fails, and tells each trouble once until it is over', async () => {
    let broken = false;
    const well = control(() => 1n);
    const { outbox, asked, warned, pass, end } = beating((question) => {
      if (broken && question.kind === 'report') return raise('bus_timeout', { peer: 'control', limit_ms: 5000 });
      return well(question);
    });
    await pass(1);
    broken = true;
    outbox.put({ capture_id: 'a'.repeat(32), interface: 'eth0', phase: 'armed' });
    await pass(5);
    const trouble = fault('bus_timeout', { peer: 'control', limit_ms: 5000 }).message;
    expect(warned).toEqual([`dealing with control: ${trouble}`]);
    expect(asked.filter(({ kind }) => kind === 'report').length).toBeGreaterThan(3);
    expect(outbox.pending()).toHaveLength(1);
    broken = false;
    await pass(2);
    expect(outbox.pending()).toEqual([]);
    broken = true;
    outbox.put({ capture_id: 'a'.repeat(32), interface: 'eth0', phase: 'ended' });
    await pass(2);
    expect(warned).toHaveLength(2);
    await end();
  });

  test('that control is not there yet is no news, and that it went is', async () => {
    let there = false;
    const well = control(() => 1n);
    const { warned, pass, end } = beating((question) =>
      there ? well(question) : raise('bus_closed', { peer: 'control' }),
    );
    await pass(4);
    expect(warned).toEqual([]);
    there = true;
    await pass(2);
    there = false;
    await pass(4);
    expect(warned.length).toBeGreaterThan(0);
    await end();
  });
});
