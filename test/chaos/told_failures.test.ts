import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, describe, expect, test } from 'vitest';
import { databasePath } from '../../src/main/operator_command.ts';
import { createNamespacePair, type NamespacePair } from '../support/namespace_pair.ts';
import { type Served, startServe } from '../support/serve.ts';
import { captureBecomes, createCapture, provedFileBucket, type ShownCapture } from '../support/take_captures.ts';
import { waitFor } from '../support/wait_for.ts';

let served: Served | undefined;
let pair: NamespacePair | undefined;
afterEach(async () => {
  await served?.remove();
  await pair?.remove();
  [served, pair] = [undefined, undefined];
});

const look_back = { type: 'simple', time_limit: 1, packet_limit: 10 };

async function readiness(of: Served): Promise<{ readonly status: number; readonly reasons: readonly string[] }> {
  const response = await fetch(`${of.url}/readyz`);
  const { reasons } = (await response.json()) as { reasons: string[] };
  return { status: response.status, reasons };
}

async function failing(of: Served, body: Readonly<Record<string, unknown>>): Promise<ShownCapture> {
  return await captureBecomes(of, (await createCapture(of, body)).id, ['failed']);
}

test('an interface that is not there is named with sensor and cause by captures, look-backs, the start and readyz', {
  timeout: 900_000,
}, async () => {
  served = await startServe({ interfaces: ['nosuch0'] });
  const told = /nosuch0: .*There is no interface nosuch0 on this host.*EDGETAP_INTERFACES/;
  expect(served.output()).toContain('There is no interface nosuch0 on this host');
  const at = served;
  const ready = await waitFor(
    async () => {
      const now = await readiness(at);
      return now.reasons.some((reason) => reason.includes('nosuch0')) && now;
    },
    { what: 'the sensor to have told' },
  );
  expect(ready.status).toBe(503);
  expect(ready.reasons.join('\n')).toMatch(/s1\/nosuch0: There is no interface nosuch0 on this host/);
  const destination_conf = await provedFileBucket(served);
  const full = await failing(served, { type: 'full', time_limit: 5, colo_name: 'lab01', destination_conf });
  expect(full['error_message']).toMatch(
    /^s1\/nosuch0: There is no interface nosuch0 on this host now: .*EDGETAP_INTERFACES/,
  );
  expect(full['sensors']).toMatchObject([{ name: 's1', interface: 'nosuch0', status: 'failed' }]);
  const simple = await failing(served, look_back);
  expect(simple['error_message']).toMatch(told);
  expect(simple['sensors']).toMatchObject([{ name: 's1', interface: 'nosuch0', covered: 'nothing' }]);
});

test('a database that another program has locked is told with its cause, and is over when it is', {
  timeout: 900_000,
}, async () => {
  pair = await createNamespacePair();
  served = await startServe({ interfaces: [pair.near.name] });
  const at = served;
  await waitFor(async () => (await readiness(at)).status === 200, { what: 'edgetap to be ready' });
  const other = new DatabaseSync(databasePath(served.data_dir), { timeout: 60_000 });
  other.exec('begin immediate');
  const refused = await served.call('POST', '/pcaps', { system: 'magic-transit', ...look_back });
  expect([refused.status, refused.body.errors.map(({ code }) => code)]).toEqual([503, [1812]]);
  expect(refused.body.errors[0]?.message).toContain('locked by another program');
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  const locked = await readiness(served);
  expect([locked.status, locked.reasons[0]]).toEqual([503, expect.stringContaining('locked by another program')]);
  other.exec('rollback');
  other.close();
  await waitFor(async () => (await readiness(at)).status === 200, {
    what: 'edgetap to be ready again',
  });
  expect((await served.call('POST', '/pcaps', { system: 'magic-transit', ...look_back })).status).toBe(200);
});

describe('with no open file left', () => {
  test('a capture says so, and not that its interface is missing', async () => {
    pair = await createNamespacePair();
    served = await startServe({ interfaces: [pair.near.name] });
    const destination_conf = await provedFileBucket(served);
    const sensor = served.pidOf('sensor');
    const open = readdirSync(`/proc/${sensor}/fd`).length;
    execFileSync('prlimit', ['--pid', String(sensor), `--nofile=${open}:`]);
    const full = await failing(served, { type: 'full', time_limit: 5, colo_name: 'lab01', destination_conf });
    expect(full['error_message']).toMatch(/too many open files|EMFILE|Too many open files/);
    expect(full['error_message']).toContain(`s1/${pair.near.name}: `);
    expect(full['error_message']).not.toContain('There is no interface');
    expect(full['error_message']).not.toContain('is kept');
    // It goes on living, and captures again once it may.
    expect(readFileSync(`/proc/${sensor}/stat`, 'latin1')).toContain('(');
    execFileSync('prlimit', ['--pid', String(sensor), '--nofile=1000:']);
    const body = { type: 'full', time_limit: 1, colo_name: 'lab01', destination_conf };
    const { id } = await createCapture(served, body);
    expect((await captureBecomes(served, id)).status).toBe('success');
  });
});
