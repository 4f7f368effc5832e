import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { edgetapProgram } from '../support/edgetap_program.ts';
import { allArmed } from '../end_to_end/shown_sensors.ts';
import { createNamespacePair, type NamespacePair } from '../support/namespace_pair.ts';
import { type Served, startServe } from '../support/serve.ts';
import { captureBecomes, createCapture, provedFileBucket, showCapture } from '../support/take_captures.ts';

let pair: NamespacePair;
let served: Served;

beforeAll(async () => {
  pair = await createNamespacePair();
  served = await startServe({ interfaces: [pair.near.name] });
});
afterAll(async () => {
  await served?.remove();
  await pair?.remove();
});

/** Runs an operator's command beside the edgetap that runs. */
function operate(...args: readonly string[]): Readonly<Record<string, unknown>> {
  const all = [...args, '--data-dir', served.data_dir, '--json'];
  return JSON.parse(execFileSync(edgetapProgram, all, { encoding: 'utf8' })) as Readonly<Record<string, unknown>>;
}

test('captures of a revoked token are stopped with it, those of others go on; the operator stops whatever runs', async () => {
  const destination_conf = await provedFileBucket(served);
  const full = { type: 'full', time_limit: 3600, colo_name: 'lab01', destination_conf };
  const made = operate('token', 'create', '--name', 'leaked', '--permission', 'write');
  const leaked: Served = {
    ...served,
    call: async (method, path, body) => {
      const response = await fetch(`${served.base_url}/accounts/${served.account_id}${path}`, {
        method,
        headers: { authorization: `Bearer ${String(made['token'])}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      return { status: response.status, headers: response.headers, body: (await response.json()) as never };
    },
  };
  const { id: theirs } = await createCapture(leaked, full);
  const { id: mine } = await createCapture(served, full);
  const { id: other } = await createCapture(served, full);
  for (const id of [theirs, mine, other]) await allArmed(served, id);

  expect(operate('token', 'revoke', String(made['id']), '--stop-captures')).toMatchObject({ stopped: [theirs] });
  await captureBecomes(served, theirs, ['success']);
  for (const id of [mine, other]) expect((await showCapture(served, id)).status).toBe('running');

  const narrowed = operate('account', 'grant', served.account_id, '--networks', '10.0.0.0/8');
  expect([...(narrowed['running_under_another_scope'] as string[])].toSorted()).toEqual([mine, other].toSorted());
  const stopped = operate('captures', 'stop', '--account', served.account_id);
  expect([...(stopped['stopped'] as string[])].toSorted()).toEqual([mine, other].toSorted());
  for (const id of [mine, other]) await captureBecomes(served, id, ['success']);
  expect(operate('captures', 'stop', '--all')).toEqual({ stopped: [] });
});
