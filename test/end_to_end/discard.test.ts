import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { edgetapProgram } from '../support/edgetap_program.ts';
import { createNamespacePair, type NamespacePair } from '../support/namespace_pair.ts';
import { type NumberedTraffic, startNumberedTraffic } from '../support/numbered_traffic.ts';
import { type Served, startServe } from '../support/serve.ts';
import { captureBecomes, createCapture, provedFileBucket, showCapture, stopCapture } from '../support/take_captures.ts';
import { waitFor } from '../support/wait_for.ts';
import { allArmed, sensorsOf } from './shown_sensors.ts';

const undo: (() => unknown)[] = [];
let pairs: NamespacePair[] = [];
let traffic: NumberedTraffic[] = [];

beforeAll(async () => {
  pairs = [await createNamespacePair(), await createNamespacePair()];
  traffic = pairs.map((pair) => startNumberedTraffic(pair.far, { frames_per_s: 100, frame_bytes: 1200, first: 0 }));
});
afterEach(async () => {
  for (const one of undo.splice(0).toReversed()) await one();
});
afterAll(async () => {
  for (const one of traffic) one.stop();
  for (const pair of pairs) await pair.remove();
});

async function start(
  interfaces: number,
  options: { data_dir?: string; env?: Record<string, string> } = {},
): Promise<Served> {
  const served = await startServe({ interfaces: pairs.slice(0, interfaces).map((pair) => pair.near.name), ...options });
  undo.push(async () => await served.remove());
  return served;
}

/** Runs the command line against it, as a user does; `heard` is called with all that it has written to standard error so far. */
async function edgetap(
  served: Served,
  args: readonly string[],
  heard: (stderr: string) => void = () => undefined,
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  return await new Promise((resolve) => {
    const env = {
      PATH: process.env['PATH'],
      HOME: '/nonexistent',
      EDGETAP_URL: served.url,
      EDGETAP_TOKEN: served.token,
    };
    const child = execFile(edgetapProgram, args, { env }, (_error, stdout, stderr) => {
      resolve({ code: child.exitCode, stdout, stderr });
    });
    let written = '';
    child.stderr?.on('data', (chunk: string) => heard((written += chunk)));
  });
}

/** A capture whose bucket went away: it has ended, and waits. */
async function stuck(served: Served, destination_conf: string, interfaces: number): Promise<string> {
  const { id } = await createCapture(served, { type: 'full', time_limit: 3600, colo_name: 'lab01', destination_conf });
  await allArmed(served, id);
  for (const one of traffic.slice(0, interfaces)) one.burst(9000);
  const buckets = join(served.data_dir, 'buckets');
  await waitFor(async () => Number((await showCapture(served, id))['packets_captured'] ?? 0) > 9000, {
    what: 'packets',
  });
  renameSync(buckets, `${buckets}.away`);
  undo.push(() => rmSync(`${buckets}.away`, { recursive: true, force: true }));
  await stopCapture(served, id);
  await captureBecomes(served, id, interfaces === 1 ? ['conversion_pending'] : ['conversion_running']);
  await waitFor(
    async () => {
      const shown = await showCapture(served, id);
      return [shown['error_message'], ...sensorsOf(shown).map((one) => one.error)].some((text) =>
        /does not exist/.test(String(text)),
      );
    },
    { what: 'the reason is shown' },
  );
  return id;
}

const filesIn = (served: Served, place: string): readonly string[] =>
  readdirSync(join(served.data_dir, place), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));

async function gone(served: Served, id: string): Promise<void> {
  await waitFor(() => filesIn(served, 'sensor/spool').length === 0, { what: 'an empty spool' });
  await waitFor(() => !filesIn(served, 'staging').some((path) => path.includes(id)), { what: 'nothing is staged' });
}

describe('a delivery into a bucket that is gone', () => {
  test.each([1, 2])(
    'of %i interfaces is given up by stop --discard: nothing is left, and the bucket can go',
    async (interfaces) => {
      const served = await start(interfaces);
      const destination_conf = await provedFileBucket(served);
      const id = await stuck(served, destination_conf, interfaces);
      const { body } = await served.call('GET', '/pcaps/ownership');
      const [bucket] = body.result as unknown as readonly { id: string }[];
      expect((await served.call('DELETE', `/pcaps/ownership/${bucket?.id}`)).status).toBe(409);
      const run = await edgetap(served, ['stop', id, '--discard']);
      expect(run).toMatchObject({ code: 0, stderr: expect.stringContaining('discarded') });
      expect(await showCapture(served, id)).toMatchObject({
        status: 'failed',
        error_message: 'It was discarded by its owner before it was delivered.',
      });
      await gone(served, id);
      expect((await served.call('DELETE', `/pcaps/${id}`)).status).toBe(204);
      expect((await served.call('DELETE', `/pcaps/ownership/${bucket?.id}`)).status).toBe(204);
      await served.stop();
      const db = new DatabaseSync(join(served.data_dir, 'edgetap.sqlite'));
      const rows = db.prepare("select detail, address from audit where action = 'capture.discard'").all();
      db.close();
      expect(rows.map((row) => ({ ...row }))).toEqual([
        { detail: expect.stringMatching(/^while conversion_/), address: '127.0.0.1' },
      ]);
    },
  );

  test('what runs is ended as well, and so is a look-back: its file goes', async () => {
    const served = await start(1);
    const destination_conf = await provedFileBucket(served);
    const { id } = await createCapture(served, {
      type: 'full',
      time_limit: 3600,
      colo_name: 'lab01',
      destination_conf,
    });
    await allArmed(served, id);
    expect((await served.call('DELETE', `/pcaps/${id}`)).status).toBe(204);
    expect((await showCapture(served, id)).status).toBe('failed');
    await gone(served, id);
    const simple = await createCapture(served, { type: 'simple', time_limit: 1, packet_limit: 10 });
    await captureBecomes(served, simple.id);
    expect(filesIn(served, 'results').some((path) => path.includes(simple.id))).toBe(true);
    expect((await served.call('DELETE', `/pcaps/${simple.id}`)).status).toBe(204);
    expect((await served.call('GET', `/pcaps/${simple.id}`)).status).toBe(404);
    expect((await served.call('DELETE', `/pcaps/${simple.id}`)).status).toBe(404);
    expect(filesIn(served, 'results')).toEqual([]);
    expect((await served.call('DELETE', `/pcaps/${'f'.repeat(32)}`)).status).toBe(404);
  });

  test("the command line's progress says what it waits for", async () => {
    const served = await start(1);
    const destination_conf = await provedFileBucket(served);
    const id = await stuck(served, destination_conf, 1);
    let discarding: Promise<unknown> | undefined;
    const { code, stderr } = await edgetap(served, ['show', id, '--wait'], (written) => {
      if (/waiting: .*\n/.test(written)) discarding ??= served.call('DELETE', `/pcaps/${id}`);
    });
    await discarding;
    expect(stderr).toMatch(/conversion_pending .*waiting: .*does not exist/);
    expect(code).not.toBe(0);
  });
});

test('a file:// bucket that is no longer allowed is refused at create, with what is', async () => {
  const served = await start(1);
  const destination_conf = await provedFileBucket(served);
  const { data_dir } = served;
  await served.stop();
  const elsewhere = mkdtempSync(join(tmpdir(), 'edgetap-elsewhere-'));
  undo.push(() => rmSync(elsewhere, { recursive: true }));
  mkdirSync(join(elsewhere, 'captures'));
  const again = await start(1, { data_dir, env: { EDGETAP_FILE_BUCKETS: elsewhere } });
  const order = { system: 'magic-transit', type: 'full', time_limit: 60, colo_name: 'lab01', destination_conf };
  const refused = await again.call('POST', '/pcaps', order);
  expect(refused.status).toBe(400);
  expect(refused.body.errors).toMatchObject([
    { code: 1204, message: expect.stringContaining(elsewhere), source: { pointer: '/destination_conf' } },
  ]);
  expect(readFileSync(join(data_dir, 'data.id'), 'utf8')).toMatch(/^[0-9a-f]{32}\n$/);
});
