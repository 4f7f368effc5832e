import { writeSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { loadLibpcap } from './binding.ts';
import { go_on, type RingTask, RingTurns, runAlone } from './ring_turns.ts';
import { Waiter, wakeBytes } from './waiter.ts';

const { libc } = loadLibpcap();
const long_ms = 60_000;
const now = (): number => Number(process.hrtime.bigint());

function* failing(): RingTask<void> {
  yield go_on;
  throw new Error('no ring');
}

function* counting(): RingTask<number> {
  yield go_on;
  yield { descriptor: -1, ms: 1 };
  return 7;
}

describe('tasks that share a thread', () => {
  let waiter: Waiter;
  let turns: RingTurns;
  let descriptors: number[];
  let order: string[];
  beforeEach(() => {
    waiter = new Waiter();
    turns = new RingTurns(waiter, now);
    descriptors = [];
    order = [];
  });
  afterEach(() => {
    waiter.close();
    for (const descriptor of descriptors) libc.close(descriptor);
  });
  /** Not readable until it is written to. */
  const silent = (): number => {
    const descriptor = libc.eventfd(0, 0o4000);
    descriptors.push(descriptor);
    return descriptor;
  };
  const unheard = (error: unknown): never => {
    throw error;
  };
  function* waits(name: string, descriptor: number, ms: number, rounds = 1): RingTask<void> {
    for (let round = 0; round < rounds; round += 1) {
      order.push(`${name} rests`);
      yield { descriptor, ms };
    }
    order.push(`${name} ends`);
  }

  test('get their turn when their own socket has something, in their order', () => {
    const sockets = Array.from({ length: 40 }, silent);
    for (const [index, socket] of sockets.entries()) turns.add(waits(`t${index}`, socket, long_ms), unheard);
    turns.round();
    expect(order).toEqual(sockets.map((_, index) => `t${index} rests`));
    for (const index of [33, 7]) {
      order = [];
      libc.write(sockets[index] ?? -1, wakeBytes, 8);
      expect(turns.round()).toBe(false);
      expect(order).toEqual([`t${index} ends`]);
    }
    expect(turns.count).toBe(38);
  });

  test('get their turn when their time is over, and all of them when somebody wakes the thread', () => {
    turns.add(waits('soon', -1, 20), unheard);
    turns.add(waits('late', silent(), long_ms), unheard);
    turns.round();
    order = [];
    const began = now();
    turns.round();
    expect(order).toEqual(['soon ends']);
    expect(now() - began).toBeGreaterThanOrEqual(19e6);
    writeSync(waiter.wakeDescriptor, wakeBytes);
    expect(turns.round()).toBe(true);
    expect(order).toEqual(['soon ends', 'late ends']);
    expect(turns.count).toBe(0);
  });

  test('are heard of, with their sockets and wakes, while another one never rests', () => {
    const socket = silent();
    let steps = 0;
    function* busy(): RingTask<void> {
      for (;;) {
        steps += 1;
        yield go_on;
      }
    }
    turns.add(busy(), unheard);
    turns.add(waits('quiet', socket, long_ms), unheard);
    turns.round();
    libc.write(socket, wakeBytes, 8);
    while (!order.includes('quiet ends')) turns.round();
    writeSync(waiter.wakeDescriptor, wakeBytes);
    while (!turns.round()) expect(steps).toBeLessThan(1e8);
    turns.close();
    expect(turns.count).toBe(0);
  });

  test('one that fails is told, and the others go on', () => {
    const failures: unknown[] = [];
    turns.add(failing(), (error) => failures.push(error));
    turns.add(waits('other', -1, 1, 3), unheard);
    while (turns.count > 0) turns.round();
    expect(String(failures)).toBe('Error: no ring');
    expect(order.at(-1)).toBe('other ends');
  });

  test('that are closed give back what they have', () => {
    const given: string[] = [];
    function* holding(name: string): RingTask<void> {
      try {
        yield { descriptor: -1, ms: long_ms };
      } finally {
        given.push(name);
      }
    }
    for (const name of ['one', 'two']) turns.add(holding(name), unheard);
    turns.round();
    turns.close();
    expect([given, turns.count]).toEqual([['one', 'two'], 0]);
  });

  test('one alone runs to its end', () => {
    expect(runAlone(counting(), waiter)).toBe(7);
  });
});
