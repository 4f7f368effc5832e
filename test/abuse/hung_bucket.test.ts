import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { numberedFrame } from '../../src/samples/test_frames.ts';
import { allArmed } from '../end_to_end/shown_sensors.ts';
import { createNamespacePair, type NamespacePair } from '../support/namespace_pair.ts';
import { replayFrames } from '../support/replay_frames.ts';
import { type Served, startServe } from '../support/serve.ts';
import {
  captureBecomes,
  createCapture,
  downloadFile,
  provedFileBucket,
  showCapture,
  stopCapture,
} from '../support/take_captures.ts';
import { waitFor } from '../support/wait_for.ts';
import { withoutRoot } from '../support/without_root.ts';

const captures = 6;
const frames = 20;
let pair: NamespacePair;
let served: Served;
let base: string;
let mounted: string | undefined;
let frozen = false;

const freeze = (): void => {
  execFileSync('fsfreeze', ['--freeze', String(mounted)]);
  frozen = true;
};
const thaw = (): void => {
  if (frozen) execFileSync('fsfreeze', ['--unfreeze', String(mounted)]);
  frozen = false;
};

describe.skipIf(withoutRoot('a file system that can be frozen'))('a bucket whose file system hangs', () => {
  beforeAll(async () => {
    base = mkdtempSync(join(tmpdir(), 'edgetap-hung-'));
    const image = join(base, 'image');
    writeFileSync(image, '');
    truncateSync(image, 32 << 20);
    execFileSync('mkfs.ext4', ['-q', '-F', image]);
    const data_dir = join(base, 'data');
    const directory = join(data_dir, 'buckets/hung');
    mkdirSync(directory, { recursive: true });
    execFileSync('mount', ['-o', 'loop', image, directory]);
    mounted = directory;
    pair = await createNamespacePair();
    served = await startServe({ interfaces: [pair.near.name], data_dir });
  });
  afterAll(async () => {
    thaw();
    await served?.stop();
    if (mounted !== undefined) execFileSync('umount', [mounted]);
    await served?.remove();
    await pair?.remove();
    rmSync(base, { recursive: true, force: true });
  });

  const send = (): void =>
    void replayFrames(
      pair.far,
      Array.from({ length: frames }, (_, index) => numberedFrame(index, 400)),
    );
  const full = async (destination_conf: string): Promise<string> => {
    const { id } = await createCapture(served, { type: 'full', time_limit: 600, colo_name: 'lab01', destination_conf });
    await allArmed(served, id);
    return id;
  };

  test('holds up no look-back, no other bucket, not /readyz and not the API; what was captured into it arrives later', async () => {
    const hung = await provedFileBucket(served, 'hung');
    const good = await provedFileBucket(served, 'good');
    const into_hung = await Promise.all(Array.from({ length: captures }, async () => await full(hung)));
    freeze();
    send();
    for (const id of into_hung) await stopCapture(served, id);
    // All of them are on their way by now, or wait behind those that are.
    await Promise.all(
      into_hung.map(async (id) => await captureBecomes(served, id, ['conversion_pending', 'conversion_running'])),
    );

    const began = performance.now();
    const look = await createCapture(served, { type: 'simple', time_limit: 300, packet_limit: 100 });
    await captureBecomes(served, look.id, ['success', 'complete']);
    expect((await downloadFile(served, look.id)).length).toBeGreaterThan(24);
    expect((await fetch(`${served.url}/readyz`)).status).toBe(200);
    const other = await provedFileBucket(served, 'other');
    const into_good = await full(good);
    const into_other = await full(other);
    send();
    for (const id of [into_good, into_other]) {
      await stopCapture(served, id);
      expect(await captureBecomes(served, id, ['success'])).toMatchObject({ packets_captured: frames });
    }
    // None of them has waited for the one that hangs, which would be for ever.
    expect(performance.now() - began).toBeLessThan(60_000);

    // A bucket on it is refused in time, with the reason.
    const asked_at = performance.now();
    const asked = await served.call('POST', '/pcaps/ownership', { destination_conf: `${hung}/deeper` });
    expect([asked.status, asked.body.errors[0]?.code]).toEqual([400, 1207]);
    expect(asked.body.errors[0]?.message).toContain('its file system does not answer');
    expect(performance.now() - asked_at).toBeLessThan(25_000);
    for (const id of into_hung) expect((await showCapture(served, id)).status).toMatch(/^conversion_/);

    thaw();
    for (const id of into_hung)
      expect(await captureBecomes(served, id, ['success'])).toMatchObject({ packets_captured: frames });
    await waitFor(async () => (await fetch(`${served.url}/readyz`)).status === 200, { what: 'all to be well' });
  });
});
