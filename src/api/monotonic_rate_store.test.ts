import { describe, expect, test } from 'vitest';
import { MonotonicRateStore } from './monotonic_rate_store.ts';

function counting(): { count: (key: string) => unknown; pass: (ms: number) => void } {
  let now = 1000.5;
  const store = new MonotonicRateStore(undefined, () => now).child();
  return {
    pass: (ms) => (now += ms),
    count: (key) => {
      let found: unknown;
      store.incr(key, (error, result) => (found = error ?? result), 60_000);
      return found;
    },
  };
}

describe('the windows of a rate limit', () => {
  test('begin with the first of a key, and end when they have lasted', () => {
    const { count, pass } = counting();
    expect(count('a')).toEqual({ current: 1, ttl: 60_000 });
    pass(59_999);
    expect([count('a'), count('b')]).toEqual([
      { current: 2, ttl: 1 },
      { current: 1, ttl: 60_000 },
    ]);
    pass(1);
    expect([count('a'), count('b')]).toEqual([
      { current: 1, ttl: 60_000 },
      { current: 2, ttl: 59_999 },
    ]);
  });

  test('of more than 5,000 keys the one that was counted longest ago is forgotten', () => {
    const { count } = counting();
    for (let key = 0; key < 5000; key += 1) count(String(key));
    count('0');
    count('new');
    expect(count('0')).toMatchObject({ current: 3 });
    expect(count('1')).toMatchObject({ current: 1 });
  });
});
