import { expect, test } from 'vitest';
import { atMostEach } from './at_most_each.ts';

test('makes one at a time, and another only when its time has passed', async () => {
  let now = 0;
  let count = 0;
  const get = atMostEach(
    1000,
    async () => {
      await Promise.resolve();
      count += 1;
      return count;
    },
    () => now,
  );
  expect(await Promise.all([get(), get(), get()])).toEqual([1, 1, 1]);
  now = 999;
  expect(await get()).toBe(1);
  now = 1000;
  expect(await Promise.all([get(), get()])).toEqual([2, 2]);
});

test('a failure is told to all who wait for it, and is not kept', async () => {
  const failures = [new Error('no'), undefined];
  const get = atMostEach(1000, async () => {
    const failure = failures.shift();
    if (failure !== undefined) throw failure;
    return 'made';
  });
  expect(await Promise.allSettled([get(), get()])).toMatchObject([{ status: 'rejected' }, { status: 'rejected' }]);
  expect(await get()).toBe('made');
});
