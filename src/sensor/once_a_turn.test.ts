import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { onceATurn } from './once_a_turn.ts';

test('is looked up once for all of a turn, and again in the next', async () => {
  let looks = 0;
  const look = onceATurn(() => (looks += 1));
  expect([look(), look()]).toEqual([1, 1]);
  await turn();
  expect([look(), look()]).toEqual([2, 2]);
});

test('what cannot be looked up is tried again by the next who asks', () => {
  let fails = true;
  const look = onceATurn(() => {
    if (fails) throw new Error('not now');
    return 'there';
  });
  expect(look).toThrow('not now');
  fails = false;
  expect(look()).toBe('there');
});
