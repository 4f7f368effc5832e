import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FairStarts } from './fair_starts.ts';

/** An event loop of which a test says when it turns. */
function loop() {
  let later: (() => void)[] = [];
  const clock = { ms: 0 };
  const starts = new FairStarts({ now_ms: () => clock.ms, later: (call) => void later.push(call) });
  /** What was put off so far runs, as immediates do; gives how much that was. */
  const turn = (): number => {
    const [now] = [later, (later = [])];
    for (const call of now) call();
    return now.length;
  };
  return { clock, starts, turn };
}

describe('work begins fairly', () => {
  test('at once while there is little of it', () => {
    const { clock, starts } = loop();
    const begun: number[] = [];
    for (const number of [1, 2, 3]) {
      starts.start('one', () => {
        begun.push(number);
        clock.ms += 0.4;
      });
    }
    expect(begun).toEqual([1, 2, 3]);
  });

  test('at once where there is no other, however much of it there is', () => {
    const { clock, starts, turn } = loop();
    let begun = 0;
    const ask = (owner: string): void => starts.start(owner, () => void ((begun += 1), (clock.ms += 2)));
    ask('one');
    while (turn() > 0);
    clock.ms += 1000;
    for (let at = 0; at < 10; at += 1) ask('one');
    expect(begun).toBe(11);
    ask('other');
    for (let at = 0; at < 10; at += 1) ask('one');
    expect(begun).toBeLessThan(14);
    while (turn() > 0);
    expect(begun).toBe(22);
  });

  test('one that asks a hundred times holds up another by one', () => {
    const { clock, starts, turn } = loop();
    const begun: string[] = [];
    const ask = (owner: string): void => {
      starts.start(owner, () => {
        begun.push(owner);
        clock.ms += 2;
      });
    };
    for (let at = 0; at < 100; at += 1) ask('many');
    ask('one');
    while (!begun.includes('one')) turn();
    expect(begun.length).toBeLessThanOrEqual(3);
    // What comes in a later turn waits behind those that wait, and is not among them for long.
    ask('another');
    const before = begun.length;
    while (!begun.includes('another')) turn();
    expect(begun.length - before).toBeLessThanOrEqual(2);
  });

  test('any work of any owners: all of it once, of each owner in order, and in turn', () => {
    const work = fc.record({ owner: fc.integer({ min: 0, max: 4 }), ms: fc.double({ min: 0, max: 3, noNaN: true }) });
    fc.assert(
      fc.property(fc.array(fc.array(work, { maxLength: 30 }), { maxLength: 8 }), (turns) => {
        const { clock, starts, turn } = loop();
        const waits = new Map<number, number[]>();
        /** How many others were begun while this owner waited, since its last. */
        const passed = new Map<string, number>();
        let number = 0;
        let begun = 0;
        const begin = (owner: number, one: number, ms: number): void => {
          const own = waits.get(owner) ?? [];
          expect(own.shift()).toBe(one);
          for (const [other, waiting] of waits) {
            if (other === owner || waiting.length === 0) continue;
            const pair = `${other} ${owner}`;
            passed.set(pair, (passed.get(pair) ?? 0) + 1);
          }
          for (const pair of passed.keys()) if (pair.startsWith(`${owner} `)) passed.delete(pair);
          begun += 1;
          clock.ms += ms;
        };
        for (const arriving of turns) {
          for (const { owner, ms } of arriving) {
            const one = (number += 1);
            waits.set(owner, [...(waits.get(owner) ?? []), one]);
            starts.start(String(owner), () => begin(owner, one, ms));
          }
          turn();
          // Nobody that waits is passed by another twice.
          expect(Math.max(0, ...passed.values())).toBeLessThanOrEqual(1);
        }
        while (turn() > 0);
        expect(begun).toBe(number);
      }),
    );
  });
});
