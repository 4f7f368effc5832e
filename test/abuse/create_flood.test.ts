import { afterAll, beforeAll, expect, test } from 'vitest';
import { otherTenant } from '../support/other_tenant.ts';
import { type Served, startServe } from '../support/serve.ts';

const lookback = { type: 'simple', system: 'magic-transit', time_limit: 5, packet_limit: 10 };
let attacker: Served;
let victim: Served;

beforeAll(async () => {
  attacker = await startServe({ interfaces: ['lo'], env: { EDGETAP_REQUESTS: '1', EDGETAP_REQUESTS_WAITING: '20' } });
  victim = await otherTenant(attacker, 'victim');
});
afterAll(async () => {
  await attacker?.remove();
});

test('while one account floods it with creates and is refused beyond its share, another is never refused', async () => {
  const done = new AbortController();
  const errors: { readonly code: number; readonly message: string }[] = [];
  const flood = Array.from({ length: 60 }, async () => {
    while (!done.signal.aborted) errors.push(...(await attacker.call('POST', '/pcaps', lookback)).body.errors);
  });
  try {
    await expect.poll(() => errors.length, { timeout: 60_000 }).toBeGreaterThan(0);
    for (let count = 0; count < 5; count += 1) {
      expect((await victim.call('POST', '/pcaps', lookback)).status).toBe(200);
      expect((await victim.call('GET', '/pcaps')).status).toBe(200);
    }
  } finally {
    done.abort();
    await Promise.all(flood);
  }
  for (const { code, message } of errors) {
    expect([code, message]).toEqual([
      1850,
      expect.stringContaining('are the most that one account may have (EDGETAP_REQUESTS_WAITING)'),
    ]);
  }
  const metrics = await (await fetch(`${attacker.url}/metrics`)).text();
  expect(metrics).toContain(`edgetap_limit_refused_total{limit="requests_waiting"} ${errors.length}\n`);
});
