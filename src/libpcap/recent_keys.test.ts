import { expect, test } from 'vitest';
import { RecentKeys } from './recent_keys.ts';

test('so many, the newest, for so long', () => {
  let now = 0;
  const keys = new RecentKeys(2, 100, () => now);
  expect(keys.has('a')).toBe(false);
  keys.add('a');
  now = 50;
  keys.add('b');
  expect(['a', 'b', 'c'].map((key) => keys.has(key))).toEqual([true, true, false]);
  now = 99;
  // Again: it is the newest now.
  keys.add('a');
  keys.add('c');
  expect(['a', 'b', 'c'].map((key) => keys.has(key))).toEqual([true, false, true]);
  now = 198;
  expect(keys.has('a')).toBe(true);
  now = 199;
  expect(['a', 'c'].map((key) => keys.has(key))).toEqual([false, false]);
});
