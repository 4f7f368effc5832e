import { array, assert, asyncProperty, constantFrom, integer, nat, oneof, record } from 'fast-check';
import { expect, test } from 'vitest';
import { FairTurns } from './fair_turns.ts';

const refuse = (): never => {
  throw new Error('too many');
};

/** Work that ends when it is told to. */
function jobs(turns: FairTurns) {
  const begun: string[] = [];
  const ends: (() => void)[] = [];
  const ask = (owner: string, signal?: AbortSignal): Promise<void> =>
    turns.take(
      owner,
      async () => {
        begun.push(owner);
        await new Promise<void>((resolve) => ends.push(resolve));
      },
      refuse,
      signal,
    );
  return { begun, ends, ask };
}

const settled = async (): Promise<void> => await new Promise((resolve) => setImmediate(resolve));

test('one that asks often holds up another by one turn', async () => {
  const { begun, ends, ask } = jobs(new FairTurns({ total: 1, per_owner: 1 }));
  for (const owner of ['a', 'a', 'a', 'a', 'b', 'c', 'b']) void ask(owner);
  for (let turn = 0; turn < 7; turn += 1) {
    await settled();
    ends[turn]?.();
  }
  await settled();
  expect(begun.join('')).toBe('aabcaba');
});

test('of one owner only so many run, while there is room for others', async () => {
  const { begun, ask } = jobs(new FairTurns({ total: 3, per_owner: 2 }));
  for (const owner of ['a', 'a', 'a', 'b', 'b']) void ask(owner);
  await settled();
  expect(begun.join('')).toBe('aab');
});

test('one too many is refused, and takes nothing', async () => {
  const turns = new FairTurns({ total: 1, per_owner: 1, waiting_per_owner: 1 });
  const { ends, ask } = jobs(turns);
  const first = ask('a');
  const second = ask('a');
  await expect(ask('a')).rejects.toThrow('too many');
  ends[0]?.();
  await first;
  await settled();
  ends[1]?.();
  await second;
  expect(turns.running).toBe(0);
  expect([turns.most_running, turns.most_waiting]).toEqual([0, 0]);
});

test('whoever gives up leaves its place to the next', async () => {
  const { begun, ends, ask } = jobs(new FairTurns({ total: 1, per_owner: 1 }));
  const giving_up = new AbortController();
  void ask('a');
  const gone = ask('b', giving_up.signal);
  void ask('c');
  giving_up.abort(new Error('gone'));
  await expect(gone).rejects.toThrow('gone');
  await settled();
  ends[0]?.();
  await settled();
  expect(begun.join('')).toBe('ac');
});

test('what fails gives its turn back', async () => {
  const turns = new FairTurns({ total: 1, per_owner: 1 });
  const failing = turns.take('a', async () => await Promise.reject(new Error('it fails')), refuse);
  await expect(failing).rejects.toThrow('it fails');
  expect(await turns.take('b', async () => await Promise.resolve(7), refuse)).toBe(7);
});

test('whatever is asked and ends in whatever order, no bound is passed, no turn is lost, and none waits while there is room', async () => {
  const step = oneof(
    record({ ask: constantFrom('a', 'b', 'c', 'd') }),
    record({ end: nat() }),
    record({ give_up: nat() }),
  );
  const bounds = record({ total: integer({ min: 1, max: 4 }), per_owner: integer({ min: 1, max: 3 }) });
  await assert(
    asyncProperty(bounds, array(step, { maxLength: 40 }), async (of, steps) => {
      const turns = new FairTurns(of);
      const running: { readonly owner: string; readonly end: () => void }[] = [];
      const waiting: { readonly owner: string; readonly giveUp: AbortController }[] = [];
      const ask = (owner: string): void => {
        const mine = { owner, giveUp: new AbortController() };
        waiting.push(mine);
        const run = async (): Promise<void> => {
          waiting.splice(waiting.indexOf(mine), 1);
          await new Promise<void>((resolve) => running.push({ owner, end: resolve }));
        };
        turns.take(owner, run, refuse, mine.giveUp.signal).catch(() => undefined);
      };
      for (const one of steps) {
        if ('ask' in one) ask(one.ask);
        else if ('end' in one) running.splice(one.end % Math.max(1, running.length), 1)[0]?.end();
        else waiting.splice(one.give_up % Math.max(1, waiting.length), 1)[0]?.giveUp.abort(new Error('gone'));
        await settled();
        const runningOf = (owner: string): number => running.filter((other) => other.owner === owner).length;
        expect(turns.running).toBe(running.length);
        expect(running.length).toBeLessThanOrEqual(of.total);
        for (const { owner } of running) expect(runningOf(owner)).toBeLessThanOrEqual(of.per_owner);
        for (const { owner } of waiting) {
          expect(running.length === of.total || runningOf(owner) === of.per_owner).toBe(true);
        }
      }
    }),
    { numRuns: 200 },
  );
});
