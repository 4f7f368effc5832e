import { afterAll, beforeAll, expect, test } from 'vitest';
import { otherTenant } from '../support/other_tenant.ts';
import { type Served, startServe } from '../support/serve.ts';

const lookback = { type: 'simple', system: 'magic-transit', time_limit: 5, packet_limit: 10 };
let attacker: Served;
let victim: Served;

beforeAll(async () => {
  attacker = await startServe({
    interfaces: ['lo'],
    env: { EDGETAP_CREATES_PER_MINUTE: '50', EDGETAP_REFUSALS_PER_MINUTE: '100' },
  });
  victim = await otherTenant(attacker, 'victim');
});
afterAll(async () => {
  await attacker?.remove();
});

test('while one account floods it with creates and is refused beyond its rate, another is never refused', async () => {
  const done = new AbortController();
  const statuses: number[] = [];
  const codes = new Set<number>();
  const flood = Array.from({ length: 60 }, async () => {
    while (!done.signal.aborted) {
      const { status, body } = await attacker.call('POST', '/pcaps', lookback);
      statuses.push(status);
      for (const { code } of body.errors) codes.add(code);
    }
  });
  try {
    await expect.poll(() => statuses.filter((status) => status === 429).length).toBeGreaterThan(100);
    for (let count = 0; count < 5; count += 1) {
      expect((await victim.call('POST', '/pcaps', lookback)).status).toBe(200);
      expect((await victim.call('GET', '/pcaps')).status).toBe(200);
    }
  } finally {
    done.abort();
    await Promise.all(flood);
  }
  // Its rate of captures, and then that of its refusals; nothing failed.
  expect([...codes].toSorted((one, other) => one - other)).toEqual([1009, 1851]);
  expect(statuses.filter((status) => status === 200)).toHaveLength(50);
  const metrics = await (await fetch(`${attacker.url}/metrics`)).text();
  const refused = (limit: string): number =>
    Number(new RegExp(`edgetap_limit_refused_total\\{limit="${limit}"\\} (\\d+)`).exec(metrics)?.[1]);
  expect(refused('creates_per_minute') + refused('refusals_per_minute')).toBe(statuses.length - 50);
});
