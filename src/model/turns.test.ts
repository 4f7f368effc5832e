import { expect, test } from 'vitest';
import { Turns } from './turns.ts';

test('so many at one time, in the order in which they came, also where one fails', async () => {
  const turns = new Turns(2);
  const begun: number[] = [];
  const ends = Array.from({ length: 5 }, () => Promise.withResolvers<number>());
  const runs = ends.map((end, index) =>
    turns.take(async () => {
      begun.push(index);
      return await end.promise;
    }),
  );
  await expect.poll(() => begun).toEqual([0, 1]);
  ends[1]?.resolve(11);
  await expect.poll(() => begun).toEqual([0, 1, 2]);
  ends[0]?.reject(new Error('no'));
  await expect(runs[0]).rejects.toThrow('no');
  await expect.poll(() => begun).toEqual([0, 1, 2, 3]);
  for (const end of ends) end.resolve(7);
  expect(await Promise.all(runs.slice(1))).toEqual([11, 7, 7, 7]);
  expect(begun).toEqual([0, 1, 2, 3, 4]);
  expect(await turns.take(async () => 'free again')).toBe('free again');
});
