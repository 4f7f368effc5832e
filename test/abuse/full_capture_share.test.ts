import { afterAll, beforeAll, expect, test } from 'vitest';
import { otherTenant } from '../support/other_tenant.ts';
import { type Served, startServe } from '../support/serve.ts';
import { captureBecomes, createCapture, provedFileBucket, stopCapture } from '../support/take_captures.ts';

const full = { type: 'full', system: 'magic-transit', time_limit: 86_400, colo_name: 'lab01' };
let attacker: Served;
let victim: Served;

beforeAll(async () => {
  // Memory for a few rings.
  const env = { EDGETAP_MEMORY_BYTES: String(128 << 20) };
  attacker = await startServe({ interfaces: ['lo'], env });
  victim = await otherTenant(attacker, 'victim');
});
afterAll(async () => {
  await attacker?.remove();
});

test('full captures of one account leave rings to another', async () => {
  const destination_conf = await provedFileBucket(attacker);
  const codes: number[] = [];
  for (let asked = 0; asked < 100 && codes.length === 0; asked += 1) {
    const { body } = await attacker.call('POST', '/pcaps', { ...full, destination_conf });
    codes.push(...body.errors.map(({ code }) => code));
  }
  expect(codes).toEqual([1852]);
  const metrics = await (await fetch(`${attacker.url}/metrics`)).text();
  const used = (name: string): number =>
    Number(new RegExp(`^edgetap_limit_used\\{limit="${name}"\\} (.+)$`, 'm').exec(metrics)?.[1]);
  expect(used('full_parts')).toBeGreaterThan(1);
  expect(used('rings_percent')).toBeGreaterThan(50);
  expect(used('rings_percent')).toBeLessThanOrEqual(75);
  const theirs = await provedFileBucket(victim, `${victim.account_id}/theirs`);
  const { id } = await createCapture(victim, { ...full, destination_conf: theirs });
  await captureBecomes(victim, id, ['running']);
  await stopCapture(victim, id);
  await captureBecomes(victim, id, ['success', 'complete']);
});
