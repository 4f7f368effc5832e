import { afterAll, beforeAll, expect, test } from 'vitest';
import { createNamespacePair, type NamespacePair } from '../support/namespace_pair.ts';
import { otherTenant } from '../support/other_tenant.ts';
import { type Served, startServe } from '../support/serve.ts';
import { type SilentServer, startSilentServer } from '../support/silent_server.ts';
import { captureBecomes, createCapture, provedFileBucket, showCapture } from '../support/take_captures.ts';

const full = { type: 'full', time_limit: 1, colo_name: 'lab01' };
let server: SilentServer;
let pair: NamespacePair;
let attacker: Served;
let accomplice: Served;
let victim: Served;

beforeAll(async () => {
  [server, pair] = await Promise.all([startSilentServer(), createNamespacePair()]);
  const { host } = new URL(server.endpoint);
  // Two interfaces: what has one needs no conversion.
  const interfaces = ['lo', pair.near.name];
  attacker = await startServe({ interfaces, env: { EDGETAP_ALLOW_ENDPOINTS: host, EDGETAP_BUCKET_SILENCE_S: '4' } });
  accomplice = await otherTenant(attacker, 'accomplice');
  victim = await otherTenant(attacker, 'victim');
});
afterAll(async () => {
  await attacker?.remove();
  await pair?.remove();
  server?.close();
});

const silentBucket = (name: string): string =>
  `s3://${name}/d?region=us-east-1&endpoint=${encodeURIComponent(server.endpoint)}&access-key-id=AKIAIOSFODNN7EXAMPLE&secret-access-key=0123456789012345678901234567890123456789`;

/** A bucket at the server, proved while it still answers. */
async function provedBucket(by: Served, name: string): Promise<string> {
  const destination_conf = silentBucket(name);
  const added = await by.call('POST', '/pcaps/ownership', { destination_conf });
  const ownership_challenge = server.read(String(added.body.result['filename']));
  const proved = await by.call('POST', '/pcaps/ownership/validate', { destination_conf, ownership_challenge });
  expect(proved.body.errors).toEqual([]);
  return destination_conf;
}

test('a silent bucket holds up no conversion into another, and says that it is waited for', async () => {
  const silent = await Promise.all(['one', 'two'].map(async (name) => await provedBucket(attacker, name)));
  const theirs = await provedBucket(accomplice, 'four');
  const goods = [
    { by: attacker, destination_conf: await provedFileBucket(attacker, 'mine') },
    { by: victim, destination_conf: await provedFileBucket(victim, `${victim.account_id}/theirs`) },
  ];
  server.fallSilent();
  const held = await Promise.all(
    [0, 1, 2, 3, 4, 5].map(
      async (number) => await createCapture(attacker, { ...full, destination_conf: silent[number % 2] }),
    ),
  );
  for (const { id } of held) await captureBecomes(attacker, id, ['conversion_running']);
  // Meanwhile: somebody waits for this one's answer.
  const begun = performance.now();
  const adding = attacker.call('POST', '/pcaps/ownership', { destination_conf: silentBucket('three') });
  const added = adding.then(({ status, body }) => ({
    status,
    codes: body.errors.map(({ code }) => code),
    within_20_s: performance.now() - begun < 20_000,
  }));

  for (const { by, destination_conf } of goods) {
    const { id } = await createCapture(by, { ...full, destination_conf });
    await captureBecomes(by, id, ['success', 'complete'], 60_000);
  }
  for (const { id } of held) {
    const told = async (): Promise<unknown> => (await showCapture(attacker, id))['error_message'];
    await expect.poll(told).toMatch(/^It waits for (?:its turn|s3:)|no answer in time/);
    expect((await showCapture(attacker, id)).status).toBe('conversion_running');
  }
  expect(await added).toEqual({ status: 400, codes: [1207], within_20_s: true });

  // Two accounts whose buckets have failed: each has one turn, and whoever comes finds one of the others.
  const more = await Promise.all(
    [0, 1, 2, 3].map(async () => await createCapture(accomplice, { ...full, destination_conf: theirs })),
  );
  for (const { id } of more) {
    const told = async (): Promise<unknown> => (await showCapture(accomplice, id))['error_message'];
    await expect.poll(told).toMatch(/^It waits for its turn|no answer in time/);
  }
  const used = async (): Promise<number> => {
    const metrics = await (await fetch(`${attacker.url}/metrics`)).text();
    return Number(/^edgetap_limit_used\{limit="conversions"\} (\d+)$/m.exec(metrics)?.[1]);
  };
  await expect.poll(used).toBeLessThanOrEqual(2);
  const [, good] = goods;
  const { id } = await createCapture(victim, { ...full, destination_conf: good?.destination_conf });
  const said = new Set<unknown>();
  const most: number[] = [];
  await expect
    .poll(async () => {
      const { status, error_message } = await showCapture(victim, id);
      said.add(error_message);
      most.push(await used());
      return status;
    })
    .toMatch(/^(?:success|complete)$/);
  expect([...said].filter((text) => String(text).startsWith('It waits for its turn'))).toEqual([]);
  expect(Math.max(...most)).toBeLessThanOrEqual(3);
});
