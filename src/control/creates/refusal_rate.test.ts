import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { raise } from '../../model/errors/fault.ts';
import { LimitCounts } from '../../model/limit_counts.ts';
import { limitFallbacks } from '../../model/shared_limits.ts';
import { RefusalRate } from './refusal_rate.ts';

interface World {
  now: number;
  readonly limits: LimitCounts;
  readonly rate: RefusalRate;
}

function world(refusals_per_minute: number): World {
  const limits = new LimitCounts({ ...limitFallbacks, refusals_per_minute });
  const made: World = { now: 1000, limits, rate: new RefusalRate(limits, () => made.now) };
  return made;
}

const refusing = async (): Promise<never> => await Promise.resolve().then(() => raise('not_found', { what: 'bucket' }));

test('so many at once, then each when its part of a minute is over', async () => {
  const at = world(3);
  for (let sent = 0; sent < 3; sent += 1) {
    await expect(at.rate.guard('p', refusing)).rejects.toMatchObject({ faults: [{ name: 'not_found' }] });
  }
  await expect(at.rate.guard('p', refusing)).rejects.toMatchObject({
    faults: [
      { name: 'refusals_limited', message: expect.stringMatching(/More than 3 .*EDGETAP_REFUSALS_PER_MINUTE.* 20 s/) },
    ],
  });
  expect(at.limits.read().find(({ name }) => name === 'refusals_per_minute')).toMatchObject({ used: 3, refused: 1 });
  // What is good waits, too; of others nothing is known.
  await expect(at.rate.guard('p', async () => await Promise.resolve(1))).rejects.toMatchObject({
    faults: [{ name: 'refusals_limited' }],
  });
  expect(await at.rate.guard('q', async () => await Promise.resolve(1))).toBe(1);
  at.now += 20_000;
  expect(await at.rate.guard('p', async () => await Promise.resolve(1))).toBe(1);
  await expect(at.rate.guard('p', refusing)).rejects.toMatchObject({ faults: [{ name: 'not_found' }] });
  await expect(at.rate.guard('p', refusing)).rejects.toMatchObject({ faults: [{ name: 'refusals_limited' }] });
});

test('what edgetap fails at counts for nobody', async () => {
  const at = world(1);
  for (let sent = 0; sent < 3; sent += 1) {
    await expect(
      at.rate.guard('p', async () => await Promise.resolve().then(() => raise('internal'))),
    ).rejects.toThrow();
  }
  expect(await at.rate.guard('p', async () => await Promise.resolve(1))).toBe(1);
});

test('many principals are forgotten when their minute is over', () => {
  const at = world(10);
  for (let name = 0; name < 300; name += 1) at.rate.count(`p${name}`);
  at.now += 60_000;
  at.rate.count('last');
  expect(at.limits.read().find(({ name }) => name === 'refusals_per_minute')).toMatchObject({ used: 1 });
});

test('in no minute more than twice the limit, and never fewer than the limit', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 10 }),
      fc.array(fc.integer({ min: 0, max: 30_000 }), { maxLength: 80 }),
      async (limit, pauses) => {
        const at = world(limit);
        const counted: number[] = [];
        for (const pause of pauses) {
          at.now += pause;
          const name: string = await at.rate
            .guard('p', refusing)
            .catch((error: { readonly faults: readonly { readonly name: string }[] }) => error.faults[0]?.name ?? '');
          const recent = counted.filter((one) => at.now - one < 60_000).length;
          if (name === 'not_found') counted.push(at.now);
          else expect(recent).toBeGreaterThanOrEqual(limit);
          expect(recent).toBeLessThanOrEqual(2 * limit);
        }
      },
    ),
    { numRuns: 100 },
  );
});
