import { expect, test } from 'vitest';
import { LimitCounts } from '../../model/limit_counts.ts';
import { limitFallbacks } from '../../model/shared_limits.ts';
import { ConversionTurns, type Target } from './conversion_turns.ts';

const settled = async (): Promise<void> => await new Promise((resolve) => setImmediate(resolve));
const into = (account_id: string, place: string): Target => ({ account_id, place });

/** Conversions that last until they are ended. */
function runs() {
  const limits = new LimitCounts(limitFallbacks);
  const turns = new ConversionTurns(limits);
  const under_way: { readonly target: Target; readonly end: () => void }[] = [];
  const gone = new AbortController();
  const begin = (target: Target, times = 1): void => {
    for (let count = 0; count < times; count += 1) {
      const run = async (): Promise<void> => await new Promise((end) => under_way.push({ target, end }));
      turns.take(target, run, gone.signal).catch(() => undefined);
    }
  };
  const now = (): readonly string[] => under_way.map(({ target }) => `${target.account_id} ${target.place}`);
  const endAll = async (standing: 'took' | 'failed'): Promise<void> => {
    for (const { target, end } of under_way.splice(0)) {
      turns.tell(target, standing);
      end();
    }
    await settled();
  };
  return { limits, turns, begin, now, endAll };
}

test('places that failed their last try have two turns, one of each account, and others find one at once', async () => {
  const { limits, begin, now, endAll } = runs();
  for (const [account, place] of [
    ['a', 'a1'],
    ['a', 'a2'],
    ['b', 'b1'],
    ['b', 'b2'],
  ] as const)
    begin(into(account, place), 10);
  await settled();
  // Nothing is known of them yet: all but one of the turns.
  expect(now().length).toBe(4);
  for (let round = 0; round < 4; round += 1) await endAll('failed');
  expect(now().map((one) => one[0])).toEqual(expect.arrayContaining(['a', 'b']));
  expect(now().length).toBe(2);
  expect(limits.read().find(({ name }) => name === 'conversions_failing')).toMatchObject({ limit: 2, used: 2 });
  begin(into('victim', 'v1'), 3);
  await settled();
  expect(now().filter((one) => one === 'victim v1').length).toBe(3);
});

test('a place that takes has a turn where all others are taken by what was never tried', async () => {
  const { turns, begin, now } = runs();
  turns.tell(into('victim', 'v1'), 'took');
  begin(into('a', 'a1'), 10);
  begin(into('a', 'a2'), 10);
  begin(into('b', 'b1'), 10);
  await settled();
  expect(now().length).toBe(4);
  begin(into('victim', 'v1'));
  await settled();
  expect(now().at(-1)).toBe('victim v1');
});

test('a place that failed and takes again has all turns again, and the same place of another account is another', async () => {
  const { begin, now, endAll, turns } = runs();
  turns.tell(into('a', 'p'), 'failed');
  begin(into('a', 'p'), 5);
  begin(into('b', 'p'), 3);
  await settled();
  expect(now().filter((one) => one === 'a p').length).toBe(1);
  expect(now().filter((one) => one === 'b p').length).toBe(3);
  await endAll('took');
  await endAll('took');
  begin(into('a', 'p'), 3);
  await settled();
  expect(now().filter((one) => one === 'a p').length).toBe(3);
});
