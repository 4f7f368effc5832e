import { expect, test } from 'vitest';
import { bindable } from './bindable.ts';

test('whole numbers become bigints: a sum in SQL would lose its last digits otherwise', () => {
  expect([bindable(5), bindable(-0), bindable(Number.MAX_SAFE_INTEGER)]).toEqual([5n, 0n, 9_007_199_254_740_991n]);
  expect([bindable(0.5), bindable(2n ** 63n - 1n), bindable(-(2n ** 63n))]).toEqual([
    0.5,
    2n ** 63n - 1n,
    -(2n ** 63n),
  ]);
  const bytes = new Uint8Array([1]);
  expect([bindable('x'), bindable(null), bindable(bytes)]).toEqual(['x', null, bytes]);
});

test('the message says what it was', () => {
  expect(() => bindable(new Date(0))).toThrow('a Date cannot be stored');
  expect(() => bindable(true)).toThrow('a boolean cannot be stored');
  expect(() => bindable(undefined)).toThrow('undefined cannot be stored');
  expect(() => bindable(2 ** 53)).toThrow('9007199254740992 cannot be stored exactly: use a bigint');
});
