import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createNamespacePair, type NamespacePair } from '../support/namespace_pair.ts';
import { type NumberedTraffic, startNumberedTraffic } from '../support/numbered_traffic.ts';
import { descendants, isAlive } from '../support/process_tree.ts';
import { type Served, startServe } from '../support/serve.ts';
import { captureBecomes, createCapture, provedFileBucket } from '../support/take_captures.ts';
import { waitFor } from '../support/wait_for.ts';
import { withoutRoot } from '../support/without_root.ts';

let served: Served | undefined;
let pair: NamespacePair;
let traffic: NumberedTraffic;
beforeEach(async () => {
  pair = await createNamespacePair();
  traffic = startNumberedTraffic(pair.far, { frames_per_s: 500, frame_bytes: 300, first: 0 });
});
afterEach(async () => {
  traffic?.stop();
  await served?.remove();
  await pair?.remove();
  served = undefined;
});

async function lookBackOf(at: Served): Promise<string> {
  const { id } = await createCapture(at, { type: 'simple', time_limit: 1, packet_limit: 10 });
  const shown = await captureBecomes(at, id);
  return shown.status === 'success' ? 'success' : String(shown['error_message']);
}

async function readyzOf(at: Served): Promise<string> {
  return await (await fetch(`${at.url}/readyz`)).text();
}

async function samplesComeBack(at: Served): Promise<void> {
  await waitFor(async () => (await lookBackOf(at)) === 'success', { what: 'samples again' });
  await waitFor(async () => !(await readyzOf(at)).includes('Writing samples failed'), { what: 'readyz to say so' });
}

/** The samples' place is made unusable and usable again by these commands, in edgetap's own mount namespace. */
const places: readonly (readonly [string, string, string])[] = [
  ['read-only', 'mount -t tmpfs -o ro none "$0"', 'mount -o remount,rw "$0"'],
  [
    'full',
    'mount -t tmpfs -o size=64k none "$0"; head -c 65536 /dev/zero >"$0/full" || true',
    'mount -o remount,size=50m "$0"',
  ],
  [
    'without inodes',
    'mount -t tmpfs -o nr_inodes=3 none "$0"; touch "$0/a" "$0/b" "$0/c" 2>/dev/null || true',
    'mount -o remount,nr_inodes=1000 "$0"',
  ],
  ['a file', 'rmdir "$0"; touch "$0"', 'rm "$0"'],
  ['a link to nowhere', 'rmdir "$0"; ln -s /nowhere/at/all "$0"', 'rm "$0"'],
];

describe.skipIf(withoutRoot('mounts'))('the directory of the samples', () => {
  test.each(places)(
    'that is %s: the rest works, it is told, and samples come once they can',
    { timeout: 900_000 },
    async (_what, spoil, heal) => {
      const data_dir = mkdtempSync(join(tmpdir(), 'edgetap-samples-'));
      const samples = join(data_dir, 'sensor', 'samples');
      mkdirSync(samples, { recursive: true });
      const via = ['unshare', '--mount', 'sh', '-c', `${spoil}; shift; exec "$@"`, samples, 'sh'];
      const at = await startServe({ interfaces: [pair.near.name], data_dir, via });
      served = at;
      const destination_conf = await provedFileBucket(at);
      const full = { type: 'full', time_limit: 1, colo_name: 'lab01', destination_conf };
      expect((await captureBecomes(at, (await createCapture(at, full)).id)).status).toBe('success');
      await waitFor(async () => (await readyzOf(at)).includes(`s1/${pair.near.name}: Writing samples failed`), {
        what: 'readyz to name it',
      });
      expect(await lookBackOf(at)).toContain('Writing samples failed');
      execFileSync('nsenter', ['--target', String(at.process.pid), '--mount', 'sh', '-c', heal, samples]);
      await samplesComeBack(at);
      expect(await at.stop()).toBe(0);
      expect(at.output()).not.toContain('is killed');
    },
  );

  test('that is read-only: the sensor ends with its supervisor, killed or told', async () => {
    const data_dir = mkdtempSync(join(tmpdir(), 'edgetap-samples-'));
    const samples = join(data_dir, 'sensor', 'samples');
    mkdirSync(samples, { recursive: true });
    const via = ['unshare', '--mount', 'sh', '-c', 'mount -t tmpfs -o ro none "$0"; shift; exec "$@"', samples, 'sh'];
    served = await startServe({ interfaces: [pair.near.name], data_dir, via });
    const children = descendants(served.process.pid ?? 0);
    expect(children.length).toBeGreaterThan(1);
    served.process.kill('SIGKILL');
    await once(served.process, 'exit');
    await waitFor(() => !children.some(isAlive), { what: 'all to be gone' });
    served = await startServe({ interfaces: [pair.near.name], data_dir, via });
    expect(await served.stop()).toBe(0);
    expect(served.output()).not.toContain('is killed');
  });

  test.each<[string, (samples: string) => void, ((samples: string) => void)?]>([
    ['removed', (samples) => rmSync(samples, { recursive: true })],
    ['moved away', (samples) => renameSync(samples, `${samples}.away`)],
    [
      'replaced by a file for a moment',
      (samples) => {
        renameSync(samples, `${samples}.away`);
        writeFileSync(samples, '');
      },
      (samples) => rmSync(samples),
    ],
  ])('that is %s while it samples: samples are kept again', async (_what, harm, heal) => {
    const at = await startServe({ interfaces: [pair.near.name] });
    served = at;
    await waitFor(async () => (await lookBackOf(at)) === 'success', { what: 'samples' });
    const samples = join(at.data_dir, 'sensor', 'samples');
    harm(samples);
    await waitFor(() => at.output().includes('somebody removed the files'), { what: 'the log to tell' });
    heal?.(samples);
    await samplesComeBack(at);
    const lookback = await createCapture(at, { type: 'simple', time_limit: 300, packet_limit: 10_000 });
    const done = await captureBecomes(at, lookback.id);
    expect([done.status, done['error_message']]).toEqual(['complete', expect.stringMatching(/.+/)]);
    expect(await at.stop()).toBe(0);
  });
});
