import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createNamespacePair, type NamespacePair } from '../support/namespace_pair.ts';
import { type Served, startServe } from '../support/serve.ts';
import { captureBecomes, createCapture, provedFileBucket } from '../support/take_captures.ts';
import { waitFor } from '../support/wait_for.ts';
import { withoutRoot } from '../support/without_root.ts';

let served: Served | undefined;
let pair: NamespacePair;
beforeEach(async () => {
  pair = await createNamespacePair();
});
afterEach(async () => {
  await served?.remove();
  await pair?.remove();
  served = undefined;
});

interface Ready {
  readonly code: number;
  readonly status: string;
  readonly reasons: readonly string[];
  readonly parts: readonly { readonly name: string; readonly ok: boolean; readonly reasons: readonly string[] }[];
}

async function readyzOf(at: Served): Promise<Ready> {
  const response = await fetch(`${at.url}/readyz`);
  return { code: response.status, ...((await response.json()) as Omit<Ready, 'code'>) };
}

/** Waits until a part says so, and nothing that is well is called otherwise. */
async function tells(at: Served, name: string, reason: RegExp): Promise<Ready> {
  return await waitFor(
    async () => {
      const ready = await readyzOf(at);
      const part = ready.parts.find((one) => one.name === name);
      return part?.ok === false && reason.test(part.reasons.join('\n')) && ready;
    },
    { what: `${name} to be told` },
  );
}

async function isOk(at: Served): Promise<Ready> {
  return await waitFor(
    async () => {
      const ready = await readyzOf(at);
      return ready.status === 'ok' && ready;
    },
    { what: 'all to be well' },
  );
}

const names = ['database', 'sensors', 'sampling', 'spool', 'disk', 'buckets', 'descriptors', 'bus', 'set aside'];

describe('readyz', () => {
  test('lists every part, and is ok only where all work; the banner says so, too', async () => {
    served = await startServe({ interfaces: [pair.near.name] });
    const ready = await isOk(served);
    expect([ready.code, ready.reasons]).toEqual([200, []]);
    expect(ready.parts).toEqual(names.map((name) => ({ name, ok: true, reasons: [] })));
    expect(served.output()).toContain('\nedgetap is running.\n');
  });

  test('a sensor that stands still', async () => {
    const at = await startServe({ interfaces: [pair.near.name] });
    served = at;
    const pid = at.pidOf('sensor');
    process.kill(pid, 'SIGSTOP');
    const silent = await tells(at, 'sensors', /^s1: this sensor was last heard of \d+ s ago$/);
    expect(silent.status).not.toBe('ok');
    const lost = await waitFor(
      async () => {
        const ready = await readyzOf(at);
        return ready.code === 503 && ready;
      },
      { what: 'no sensor to be left' },
    );
    expect(lost.status).toBe('not_ready');
    process.kill(pid, 'SIGCONT');
    expect((await isOk(at)).code).toBe(200);
  });

  test('a sensor that is dead and cannot be started, or was never there', async () => {
    const at = await startServe({ interfaces: [pair.near.name] });
    served = at;
    const place = join(at.data_dir, 'sensor');
    renameSync(place, `${place}.away`);
    writeFileSync(place, '');
    process.kill(Number(execFileSync('cat', [join(`${place}.away`, 'sensor.pid')]).toString()), 'SIGKILL');
    await tells(at, 'bus', /^the sensor process ended and is started again/);
    await tells(at, 'sensors', /^s1: this sensor was last heard of/);
    rmSync(place);
    renameSync(`${place}.away`, place);
    await isOk(at);
  });

  test('a directory of buckets that is gone: what else is asked is served', async () => {
    const at = await startServe({ interfaces: [pair.near.name] });
    served = at;
    const buckets = join(at.data_dir, 'buckets');
    renameSync(buckets, `${buckets}.away`);
    const ready = await tells(at, 'buckets', /^the directory of file:\/\/ buckets cannot be used: ENOENT/);
    expect([ready.code, ready.status]).toEqual([200, 'degraded']);
    renameSync(`${buckets}.away`, buckets);
    await isOk(at);
  });

  describe.skipIf(withoutRoot('mounts'))('with disks of its own', () => {
    test('a disk that is full', async () => {
      const data_dir = mkdtempSync(join(tmpdir(), 'edgetap-parts-'));
      const via = ['unshare', '--mount', 'sh', '-c', 'mount -t tmpfs -o size=100m none "$0"; exec "$@"', data_dir];
      const env = { EDGETAP_SAMPLE_BYTES: '8000000', EDGETAP_SPOOL_BYTES: '16000000' };
      const at = await startServe({ interfaces: [pair.near.name], data_dir, via, env });
      served = at;
      // What is mounted is seen by edgetap alone.
      const inside = (command: string): void => {
        execFileSync('nsenter', ['--target', String(at.process.pid), '--mount', 'sh', '-c', command, data_dir]);
      };
      inside('head -c 200m /dev/zero >"$0/filler" 2>/dev/null || true');
      await tells(at, 'disk', /is full, with \d+ bytes left/);
      inside('rm "$0/filler"');
      await isOk(at);
    });

    test('samples that cannot be written: the banner says so', async () => {
      const data_dir = mkdtempSync(join(tmpdir(), 'edgetap-parts-'));
      const samples = join(data_dir, 'sensor', 'samples');
      mkdirSync(samples, { recursive: true });
      const via = ['unshare', '--mount', 'sh', '-c', 'mount -t tmpfs -o ro none "$0"; exec "$@"', samples];
      served = await startServe({ interfaces: [pair.near.name], data_dir, via });
      expect(served.output()).toContain('edgetap is running, but not all of it works');
      expect(served.output()).toMatch(new RegExp(`^  ! .*${pair.near.name}: Writing samples failed: `, 'm'));
      const ready = await tells(served, 'sampling', /Writing samples failed/);
      const bucket = await provedFileBucket(served);
      const order = { type: 'full', time_limit: 1, colo_name: 'lab01', destination_conf: bucket };
      expect((await captureBecomes(served, (await createCapture(served, order)).id)).status).toBe('success');
      expect(ready.status).not.toBe('ok');
    });
  });
});
