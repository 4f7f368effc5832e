import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { ArmingGroup, type ArmingPlace } from './arming_group.ts';

/** A clock on which nothing is ever over, until told. */
function stoppedClock(): {
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  readonly slept: number[];
  ring(): void;
} {
  const slept: number[] = [];
  const over = Promise.withResolvers<void>();
  return {
    slept,
    ring: over.resolve,
    sleep: async (ms, signal) => {
      slept.push(ms);
      signal.addEventListener('abort', () => over.resolve());
      await over.promise;
    },
  };
}

/** Has a part say that it is ready, and its name noted once it is to arm. */
function arming(armed: string[], name: string, place: ArmingPlace): void {
  void place.ready().then(() => armed.push(name));
}

test('nobody arms before all are ready, and then everybody does', async () => {
  const group = new ArmingGroup(stoppedClock());
  const [a, b, c] = [group.join(), group.join(), group.join()];
  const armed: string[] = [];
  arming(armed, 'a', a);
  arming(armed, 'b', b);
  await turn();
  expect(armed).toEqual([]);
  arming(armed, 'c', c);
  await turn();
  expect(armed.toSorted()).toEqual(['a', 'b', 'c']);
});

test('one that is alone waits for nobody, and asks no clock', async () => {
  const clock = stoppedClock();
  await new ArmingGroup(clock).join().ready();
  expect(clock.slept).toEqual([]);
});

test('who leaves is not waited for, once or twice, and nobody who was ready leaves', async () => {
  const group = new ArmingGroup(stoppedClock());
  const [a, b, c] = [group.join(), group.join(), group.join()];
  const armed: string[] = [];
  arming(armed, 'a', a);
  a.leave();
  b.leave();
  b.leave();
  await turn();
  expect(armed).toEqual([]);
  c.leave();
  await turn();
  expect(armed).toEqual(['a']);
});

test('who is not ready in time keeps back nobody but itself, and waits for nobody then', async () => {
  const clock = stoppedClock();
  const group = new ArmingGroup(clock);
  const [a, b, late] = [group.join(), group.join(), group.join()];
  const armed: string[] = [];
  arming(armed, 'a', a);
  arming(armed, 'b', b);
  await turn();
  expect([armed, clock.slept]).toEqual([[], [5000]]);
  clock.ring();
  await turn();
  expect(armed.toSorted()).toEqual(['a', 'b']);
  await late.ready();
});
