import { afterAll, beforeAll, expect, test } from 'vitest';
import { otherTenant } from '../support/other_tenant.ts';
import { type Served, startServe } from '../support/serve.ts';
import { captureBecomes, createCapture } from '../support/take_captures.ts';

const lookback = { type: 'simple', system: 'magic-transit', time_limit: 5, packet_limit: 10 };
const refusals = 40;
let attacker: Served;
let victim: Served;

beforeAll(async () => {
  attacker = await startServe({
    interfaces: ['lo'],
    // So many as wait for the compiler, not for the turns of all requests.
    env: { EDGETAP_REFUSALS_PER_MINUTE: String(refusals), EDGETAP_REQUESTS: '100' },
  });
  victim = await otherTenant(attacker, 'victim');
});
afterAll(async () => {
  await attacker?.remove();
});

/** More than two seconds of work for libpcap, and each number another text. */
function slowText(number: number): string {
  return Array.from({ length: 252 }, (_, at) => `host 10.${number}.${at}.1`)
    .join(' or ')
    .slice(0, 4096)
    .replace(/ or [^or]*$/, '');
}

/** The codes of the answer's errors. */
async function codesOf(asking: ReturnType<Served['call']>): Promise<readonly number[]> {
  return (await asking).body.errors.map(({ code }) => code);
}

test('slow filters of one account hold up another by a turn, not by all of them', async () => {
  const answers: (readonly number[])[] = [];
  const attack = Array.from({ length: 24 }, async (_, number) => {
    const asked = codesOf(attacker.call('POST', '/pcaps', { ...lookback, filter_expression: slowText(number) }));
    // The end of the test cuts those off that still wait.
    await asked.then((codes) => answers.push(codes)).catch(() => undefined);
  });
  const full = (): readonly (readonly number[])[] => answers.filter(([code]) => code === 1850);
  // Those beyond its share are told so at once, and then all others wait.
  await expect.poll(() => full().length).toBeGreaterThan(0);
  for (const port of [443, 444]) {
    const { id } = await createCapture(victim, {
      ...lookback,
      filter_expression: `tcp port ${port} and host 10.1.2.3`,
    });
    await captureBecomes(victim, id, ['success', 'complete']);
  }
  expect(answers.length - full().length).toBeLessThan(12);

  // What is refused counts, too, for the token alone that asked.
  const codes = await Promise.all(
    Array.from({ length: 3 * refusals }, async () => await codesOf(attacker.call('POST', '/pcaps', {}))),
  );
  expect(codes.map(([code]) => code)).toContain(1851);
  expect((await victim.call('POST', '/pcaps/estimate', lookback)).status).toBe(200);
  await attacker.remove();
  await Promise.all(attack);
});
