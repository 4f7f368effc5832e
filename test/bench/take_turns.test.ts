import { expect, test } from 'vitest';
import { takeTurns } from '../../bench/support/take_turns.ts';

test('two programs take turns, at least five each, each as often before the other as after it', async () => {
  const order: string[] = [];
  const turns = await takeTurns(['ours', 'theirs'], async (program) => {
    order.push(program);
    return await Promise.resolve(`${program} ${order.length}`);
  });
  const rounds = order.length / 2;
  expect(rounds).toBeGreaterThanOrEqual(5);
  const firsts = order.filter((_program, index) => index % 2 === 0);
  expect(firsts.filter((program) => program === 'ours')).toHaveLength(rounds / 2);
  expect([turns.ours.length, turns.theirs.length]).toEqual([rounds, rounds]);
  expect(turns.ours.every((one) => one.startsWith('ours '))).toBe(true);
  expect(turns.theirs.every((one) => one.startsWith('theirs '))).toBe(true);
});

test('a measurement that fails ends the turns', async () => {
  await expect(takeTurns([1, 2], async (one) => await Promise.reject(new Error(`${one}`)))).rejects.toThrow('1');
});
