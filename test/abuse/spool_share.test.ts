import { renameSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { numberedFrame } from '../../src/samples/test_frames.ts';
import { sensorsOf } from '../end_to_end/shown_sensors.ts';
import { createNamespacePair, type NamespacePair } from '../support/namespace_pair.ts';
import { otherTenant } from '../support/other_tenant.ts';
import { replayFrames } from '../support/replay_frames.ts';
import { type Served, startServe } from '../support/serve.ts';
import {
  captureBecomes,
  createCapture,
  provedFileBucket,
  showCapture,
  type ShownCapture,
  stopCapture,
} from '../support/take_captures.ts';
import { waitFor } from '../support/wait_for.ts';

// Captures into a bucket that takes nothing stay on the sensor: they may fill the share of their account, and no more.

const spool_bytes = 4_000_000;
const full = { type: 'full', colo_name: 'lab01', time_limit: 300 };
const flood = Array.from({ length: 3000 }, (_, index) => numberedFrame(index, 1000));
const few = Array.from({ length: 200 }, (_, index) => numberedFrame(index, 400));

let pair: NamespacePair;
let attacker: Served;
let victim: Served;

beforeAll(async () => {
  pair = await createNamespacePair();
  const env = { EDGETAP_SPOOL_BYTES: String(spool_bytes), EDGETAP_PACKETS_MAX: '1000000' };
  victim = await startServe({ interfaces: [pair.near.name], env });
  attacker = await otherTenant(victim, 'attacker');
});
afterAll(async () => {
  await victim?.remove();
  await pair?.remove();
});

test('three captures into a bucket that takes nothing leave room for the others', async () => {
  const [good, bad] = [await provedFileBucket(victim, 'good'), await bucketOf(attacker)];
  const captures: ShownCapture[] = [];
  for (let count = 0; count < 3; count += 1) {
    const capture = await createCapture(attacker, { ...full, destination_conf: bad });
    await captureBecomes(attacker, capture.id, ['running']);
    captures.push(capture);
  }
  const directory = bad.slice('file://'.length);
  renameSync(directory, `${directory}.away`);
  writeFileSync(directory, '');
  replayFrames(pair.far, flood);
  const reasons = await waitFor(
    async () => {
      const shown = await Promise.all(captures.map(async ({ id }) => sensorsOf(await showCapture(attacker, id))[0]));
      const ended = shown.filter((one) => one?.stop_reason === 'spool_full');
      return ended.length === captures.length ? shown : undefined;
    },
    { what: 'the attacker’s captures to have filled their share' },
  );
  expect(JSON.stringify(reasons)).toContain('EDGETAP_SPOOL_SHARE');

  const capture = await createCapture(victim, { ...full, destination_conf: good });
  await captureBecomes(victim, capture.id, ['running']);
  replayFrames(pair.far, few);
  await stopCapture(victim, capture.id);
  expect(await captureBecomes(victim, capture.id)).toMatchObject({ status: 'success', packets_captured: few.length });

  const counted = /^edgetap_limit_refused_total\{limit="spool_share"\} 3$/m;
  await waitFor(async () => counted.test(await (await fetch(`${victim.url}/metrics`)).text()), {
    what: 'the metrics to have three captures that a share has ended',
  });
});

/** A bucket in the directory that an account which is not the first may use. */
async function bucketOf(tenant: Served): Promise<string> {
  return await provedFileBucket(tenant, `${tenant.account_id}/captures`);
}
