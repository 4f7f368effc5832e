import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createNamespacePair, type NamespacePair } from '../support/namespace_pair.ts';
import { type NumberedTraffic, numberOf, startNumberedTraffic } from '../support/numbered_traffic.ts';
import { parsePcap, type SamplePacket } from '../support/packet_samples.ts';
import { type Served, type ServeOptions, startServe } from '../support/serve.ts';
import {
  captureBecomes,
  createCapture,
  deliveredFile,
  type ShownCapture,
  provedFileBucket,
  showCapture,
  stopCapture,
} from '../support/take_captures.ts';
import { endsWhole, isWhole } from '../support/ends_whole.ts';
import { waitFor } from '../support/wait_for.ts';
import { allArmed, sensorsOf } from './shown_sensors.ts';

const frame_bytes = 1200;
const undo: (() => unknown)[] = [];
let pairs: NamespacePair[] = [];
let traffic: NumberedTraffic[] = [];

beforeAll(async () => {
  pairs = [await createNamespacePair(), await createNamespacePair()];
  traffic = pairs.map((pair, index) =>
    startNumberedTraffic(pair.far, { frames_per_s: 100, frame_bytes, first: index * 1_000_000_000 }),
  );
});
afterEach(async () => {
  for (const one of undo.splice(0).toReversed()) await one();
});
afterAll(async () => {
  for (const one of traffic) one.stop();
  for (const pair of pairs) await pair.remove();
});

/** Serves so many interfaces until the test is over. */
async function start(interfaces: number, options: Partial<ServeOptions> = {}): Promise<Served> {
  const names = pairs.slice(0, interfaces).map((pair) => pair.near.name);
  const served = await startServe({ interfaces: names, ...options });
  undo.push(async () => await served.remove());
  return served;
}

/** A disk of its own at a new directory, until the test is over. */
function mountDisk(size: string): string {
  const path = mkdtempSync(join(tmpdir(), 'edgetap-disk-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'edgetap-test', path]);
  undo.push(() => {
    execFileSync('umount', ['--lazy', path]);
    rmSync(path, { recursive: true, force: true });
  });
  return path;
}

async function running(served: Served, destination_conf: string): Promise<string> {
  const order = { type: 'full', time_limit: 3600, colo_name: 'lab01', destination_conf };
  const { id } = await createCapture(served, order);
  await allArmed(served, id);
  return id;
}

/** Waits until a capture's owner can see this as its trouble. */
async function toldTrouble(served: Served, id: string, words: RegExp): Promise<ShownCapture> {
  return await waitFor(
    async () => {
      const capture = await showCapture(served, id);
      const told = [capture['error_message'], ...sensorsOf(capture).map((one) => one.error)];
      return told.some((text) => typeof text === 'string' && words.test(text)) && capture;
    },
    { what: `${String(words)} is told` },
  );
}

/** The packets have no gap, by interface. */
function expectUnbroken(packets: readonly SamplePacket[], interfaces = 1): void {
  for (let index = 0; index < interfaces; index += 1) {
    const own = packets.map(({ data }) => numberOf(data)).filter((one) => Math.floor(one / 1_000_000_000) === index);
    expect(own.length).toBeGreaterThan(0);
    expect(own.filter((number, place) => number !== (own[0] ?? 0) + place)).toEqual([]);
  }
}

/** Goes well as ever? */
async function expectWell(served: Served, destination_conf: string): Promise<void> {
  const id = await running(served, destination_conf);
  await stopCapture(served, id);
  await endsWhole(served, id);
}

test('a full spool ends a capture with that reason and all that it had room for, and is empty after it', async () => {
  const served = await start(1, { env: { EDGETAP_SPOOL_BYTES: '3000000', EDGETAP_SPOOL_SHARE: '100' } });
  const destination_conf = await provedFileBucket(served);
  const id = await running(served, destination_conf);
  traffic[0]?.burst(4000);
  const done = await captureBecomes(served, id);
  expect(done).toMatchObject({
    status: 'complete',
    error_message: expect.stringMatching(/: The spool is full \(\d+ of 3000000 bytes\): the capture ended here\./),
  });
  expect(sensorsOf(done)).toMatchObject([{ stop_reason: 'spool_full', status: 'done' }]);
  const file = deliveredFile(destination_conf, id);
  expect(file.length).toBeLessThanOrEqual(3_000_000);
  expect(file.length).toBeGreaterThan(3_000_000 - 2 * (frame_bytes + 16));
  const { packets } = parsePcap(file);
  expect(done['packets_captured']).toBe(packets.length);
  expectUnbroken(packets);
  await expectWell(served, destination_conf);
});

test("the spool's disk is full: what fitted is delivered, and the sensor lives", async () => {
  const data_dir = mkdtempSync(join(tmpdir(), 'edgetap-serve-'));
  const spool = mountDisk('3m');
  mkdirSync(join(data_dir, 'sensor'));
  symlinkSync(spool, join(data_dir, 'sensor', 'spool'));
  const served = await start(1, { data_dir });
  const pid = served.pidOf('sensor');
  const destination_conf = await provedFileBucket(served);
  const id = await running(served, destination_conf);
  traffic[0]?.burst(4000);
  const done = await captureBecomes(served, id);
  expect(done).toMatchObject({
    status: 'complete',
    error_message: expect.stringMatching(/: Writing to the spool failed: ENOSPC/),
  });
  const { packets } = parsePcap(deliveredFile(destination_conf, id));
  expect(done['packets_captured']).toBe(packets.length);
  expectUnbroken(packets);
  await waitFor(() => readdirSync(spool).length === 0, { what: 'an empty spool' });
  await expectWell(served, destination_conf);
  expect(served.pidOf('sensor')).toBe(pid);
});

describe('a file:// bucket that is gone for a time', () => {
  test('while the capture runs and after it: told, tried again, delivered when it is back', async () => {
    const served = await start(1);
    const destination_conf = await provedFileBucket(served);
    const buckets = join(served.data_dir, 'buckets');
    const id = await running(served, destination_conf);
    renameSync(buckets, `${buckets}.away`);
    // More than a piece: it is sent while the capture runs.
    traffic[0]?.burst(9000);
    expect((await toldTrouble(served, id, /does not exist/)).status).toBe('running');
    await stopCapture(served, id);
    await captureBecomes(served, id, ['conversion_pending']);
    await toldTrouble(served, id, /does not exist/);
    renameSync(`${buckets}.away`, buckets);
    const done = await captureBecomes(served, id);
    expect(done.status).toBe('success');
    expect(done).not.toHaveProperty('error_message');
    expect(sensorsOf(done)[0]).not.toHaveProperty('error');
    const { packets } = parsePcap(deliveredFile(destination_conf, id));
    expect(done['packets_captured']).toBe(packets.length);
    expectUnbroken(packets);
  });

  test('while parts are converted', async () => {
    const served = await start(2);
    const destination_conf = await provedFileBucket(served);
    const buckets = join(served.data_dir, 'buckets');
    const id = await running(served, destination_conf);
    await new Promise((resolve) => setTimeout(resolve, 200));
    renameSync(buckets, `${buckets}.away`);
    await stopCapture(served, id);
    expect((await toldTrouble(served, id, /does not exist/)).status).toBe('conversion_running');
    renameSync(`${buckets}.away`, buckets);
    const done = await captureBecomes(served, id);
    expect(isWhole(done)).toBe(true);
    const { packets } = parsePcap(deliveredFile(destination_conf, id));
    expect(done['packets_captured']).toBe(packets.length);
    expectUnbroken(packets, 2);
    await waitFor(
      () =>
        !readdirSync(join(served.data_dir, 'staging'), { recursive: true }).some((name) =>
          String(name).endsWith('.pcap'),
        ),
      {
        what: 'no staged part is left',
      },
    );
  });

  test('its directory alone is removed: it is made again, and everything is sent again', async () => {
    const served = await start(1);
    const destination_conf = await provedFileBucket(served);
    const id = await running(served, destination_conf);
    traffic[0]?.burst(9000);
    const directory = destination_conf.slice('file://'.length);
    await waitFor(() => readdirSync(directory).some((name) => name.endsWith('.partial')), { what: 'an upload' });
    rmSync(directory, { recursive: true });
    expect(existsSync(directory)).toBe(false);
    await stopCapture(served, id);
    await endsWhole(served, id);
    expectUnbroken(parsePcap(deliveredFile(destination_conf, id)).packets);
  });
});

test('a bucket that becomes read-only: told, and delivered once it can be written', async () => {
  const disk = mountDisk('64m');
  const served = await start(1, { env: { EDGETAP_FILE_BUCKETS: disk } });
  const destination_conf = await provedFileBucket(served, 'captures', disk);
  const id = await running(served, destination_conf);
  execFileSync('mount', ['-o', 'remount,ro', disk]);
  await stopCapture(served, id);
  await toldTrouble(served, id, /EROFS|denied|refused/);
  execFileSync('mount', ['-o', 'remount,rw', disk]);
  await endsWhole(served, id);
  expectUnbroken(parsePcap(deliveredFile(destination_conf, id)).packets);
});
