import { expect, test } from 'vitest';
import { FaultError, fault, raise } from '../model/errors/fault.ts';
import type { Waiting } from './waiting.ts';
import { realWaiting } from './waiting.ts';
import { withRetries } from './with_retries.ts';

const patience = { tries: 4, base_ms: 100, cap_ms: 250, within_ms: 1000 };
const unreachable = (): never => raise('bucket_unreachable', { destination: 's3://x', reason: 'HTTP 503' });

function watched(): Waiting & { readonly slept: number[] } {
  const slept: number[] = [];
  return {
    slept,
    sleep: async (ms) => {
      slept.push(ms);
    },
    monotonic: () => slept.reduce((sum, ms) => sum + ms, 0),
    random: () => 0.5,
  };
}

test('a passing failure is tried again, with growing pauses up to the cap, and not for ever', async () => {
  const waiting = watched();
  let calls = 0;
  const failing = withRetries(
    async () => {
      calls += 1;
      return unreachable();
    },
    patience,
    waiting,
  );
  await expect(failing).rejects.toMatchObject({ faults: [{ name: 'bucket_unreachable' }] });
  expect(calls).toBe(4);
  expect(waiting.slept).toEqual([75, 150, 188]);
});

test('none begins when too much time has passed', async () => {
  const waiting = watched();
  const failing = withRetries(async () => unreachable(), { ...patience, tries: 100, within_ms: 400 }, waiting);
  await expect(failing).rejects.toMatchObject({ faults: [{ name: 'bucket_unreachable' }] });
  expect(waiting.slept).toEqual([75, 150, 188]);
});

test('the first success ends it', async () => {
  const waiting = watched();
  const outcomes = [unreachable, unreachable, () => 'done'];
  expect(await withRetries(async () => outcomes.shift()?.(), patience, waiting)).toBe('done');
  expect(waiting.slept).toHaveLength(2);
});

test.each([new FaultError([fault('bucket_denied', { code: 'x', destination: 'y' })]), new Error('a bug')])(
  '%s is not tried again',
  async (error) => {
    const waiting = watched();
    const failing = async (): Promise<never> => {
      throw error;
    };
    await expect(withRetries(failing, patience, waiting)).rejects.toBe(error);
    expect(waiting.slept).toEqual([]);
  },
);

test('an abort ends the waiting', async () => {
  const stop = new AbortController();
  const failing = withRetries(
    async () => unreachable(),
    { tries: 9, base_ms: 60_000, cap_ms: 60_000, within_ms: 600_000 },
    realWaiting,
    stop.signal,
  );
  setTimeout(() => stop.abort(), 20);
  await expect(failing).rejects.toMatchObject({ name: 'AbortError' });
  await expect(withRetries(async () => 'never', patience, realWaiting, stop.signal)).rejects.toMatchObject({
    name: 'AbortError',
  });
});
