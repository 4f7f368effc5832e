import { afterAll, beforeAll, expect, test } from 'vitest';
import { otherTenant } from '../support/other_tenant.ts';
import { type Served, startServe } from '../support/serve.ts';
import { captureBecomes, createCapture, type ShownCapture } from '../support/take_captures.ts';

const lookback = { type: 'simple', system: 'magic-transit', time_limit: 5, packet_limit: 10 };
let attacker: Served;
let victim: Served;

beforeAll(async () => {
  attacker = await startServe({ interfaces: ['lo'] });
  victim = await otherTenant(attacker, 'victim');
});
afterAll(async () => {
  await attacker?.remove();
});

test('a flood of estimates and look-backs refuses none of another account', async () => {
  const ending = new AbortController();
  const answers = new Map<number, number>();
  const attack = Array.from({ length: 44 }, async (_, connection) => {
    const path = connection < 40 ? '/pcaps/estimate' : '/pcaps';
    while (!ending.signal.aborted) {
      const { status } = await attacker.call('POST', path, lookback);
      answers.set(status, (answers.get(status) ?? 0) + 1);
    }
  });
  try {
    await expect.poll(() => answers.get(429) ?? answers.get(503) ?? 0).toBeGreaterThan(0);
    for (let asked = 0; asked < 6; asked += 1) {
      const { status, body } = await victim.call('POST', '/pcaps/estimate', lookback);
      expect([status, body.errors]).toEqual([200, []]);
      expect(JSON.stringify(body.result)).not.toContain('at a time already');
    }
    const shown: ShownCapture[] = [];
    for (let asked = 0; asked < 2; asked += 1) {
      const { id } = await createCapture(victim, lookback);
      shown.push(await captureBecomes(victim, id, ['success', 'complete']));
    }
    expect(JSON.stringify(shown)).not.toContain('at a time already');
  } finally {
    ending.abort();
    await Promise.all(attack);
  }
  // It is its own share that the flood has used up.
  expect([...answers.keys()].toSorted((one, other) => one - other)).toEqual([200, 429]);
});
