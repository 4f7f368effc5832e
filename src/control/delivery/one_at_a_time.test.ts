import { expect, test } from 'vitest';
import { oneAtATime } from './one_at_a_time.ts';

test('who asks while it runs gets the same outcome; after it, it runs anew, whatever it came to', async () => {
  const once = oneAtATime<number>();
  let runs = 0;
  const gate = Promise.withResolvers<void>();
  const run = async (): Promise<number> => {
    runs += 1;
    const mine = runs;
    await gate.promise;
    if (mine === 2) throw new Error('second');
    return mine;
  };
  const both = Promise.all([once('a', run), once('a', run)]);
  const other = once('b', async () => 7);
  gate.resolve();
  expect(await both).toEqual([1, 1]);
  expect(await other).toBe(7);
  await expect(Promise.all([once('a', run), once('a', run)])).rejects.toThrow('second');
  expect(await once('a', run)).toBe(3);
});
