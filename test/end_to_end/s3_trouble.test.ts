import { createHash } from 'node:crypto';
import { linkSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { jumbo_frame_bytes, jumboFrames } from '../fixtures/jumbo_frames.ts';
import { createNamespacePair, type NamespacePair } from '../support/namespace_pair.ts';
import { runClean, scratchFolder } from '../support/packet_tools.ts';
import { type FrameSender, openFrameSender } from '../support/replay_frames.ts';
import { proveS3Bucket, type S3Owner, startS3Owner } from '../support/s3_owner.ts';
import { type Served, startServe } from '../support/serve.ts';
import {
  captureBecomes,
  createCapture,
  showCapture,
  type ShownCapture,
  stopCapture,
} from '../support/take_captures.ts';
import { waitFor } from '../support/wait_for.ts';

const scratch = scratchFolder();
let owner: S3Owner;
let pair: NamespacePair;
let sender: FrameSender;
let served: Served;

beforeAll(async () => {
  [owner, pair] = await Promise.all([startS3Owner(), createNamespacePair({ mtu: 9000 })]);
  sender = openFrameSender(pair.far);
  served = await startServe({
    interfaces: [pair.near.name],
    env: { EDGETAP_ALLOW_ENDPOINTS: new URL(owner.rgw.endpoint).host },
  });
});
afterAll(async () => {
  await served?.remove();
  sender?.close();
  await pair?.remove();
  await owner?.stop();
});

const record_bytes = jumbo_frame_bytes + 16;

/** A full capture under way, and the sensor's own file of it, under a name that stays. */
interface Running {
  readonly id: string;
  /** Sends frames until the file has so many bytes. */
  grow(to_bytes: number): Promise<void>;
  spooled(): { readonly sha256: string; readonly size_bytes: number };
  readonly spool_path: string;
}

async function begin(destination_conf: string, more: Readonly<Record<string, unknown>> = {}): Promise<Running> {
  const request = { type: 'full', colo_name: 'lab01', time_limit: 3600, destination_conf, ...more };
  const { id } = await createCapture(served, request);
  await captureBecomes(served, id, ['running']);
  const spool_path = join(served.data_dir, 'sensor', 'spool', id, `${pair.near.name}.pcap`);
  const kept_path = scratch(`${id}.pcap`);
  linkSync(spool_path, kept_path);
  let sent = 0;
  return {
    id,
    spool_path,
    grow: async (to_bytes) => {
      while (24 + sent * record_bytes < to_bytes) {
        // Less than the ring holds at once.
        sent += sender.send(jumboFrames(sent, Math.min(2000, Math.ceil((to_bytes - 24) / record_bytes) - sent)));
        const size_bytes = 24 + sent * record_bytes;
        await waitFor(() => statSync(kept_path).size === size_bytes, { what: 'the file has grown', every_ms: 5 });
      }
    },
    spooled: () => {
      const bytes = readFileSync(kept_path);
      return { sha256: createHash('sha256').update(bytes).digest('hex'), size_bytes: bytes.length };
    },
  };
}

const objectOf = (id: string): string => `dir/pcap_${id}.pcap`;

/** What the capture's one sensor has to say about its delivery. */
function troubleOf(capture: ShownCapture): string | undefined {
  return (capture['sensors'] as { error?: string }[])[0]?.error;
}

async function troubleBecomes(id: string, wanted: RegExp | undefined): Promise<ShownCapture> {
  return await waitFor(
    async () => {
      const capture = await showCapture(served, id);
      const told = troubleOf(capture);
      if (wanted === undefined ? told === undefined : told !== undefined && wanted.test(told)) return capture;
      throw new Error(`it is ${told ?? 'none'}`);
    },
    { what: `the trouble to be ${String(wanted ?? 'over')}` },
  );
}

describe('a gateway that is killed in the middle of an upload', () => {
  test('and started again: the object is whole, and is the spool file', async () => {
    await owner.makeBucket('killed');
    const { destination_conf } = await proveS3Bucket(served, owner, 'killed');
    const running = await begin(destination_conf);
    await running.grow(30_000_000);
    await waitFor(async () => (await owner.pieces('killed')) >= 1, { what: 'a piece', every_ms: 5 });
    await owner.rgw.kill();
    await running.grow(50_000_000);
    expect(await troubleBecomes(running.id, /ECONNREFUSED/)).toMatchObject({ status: 'running' });
    await stopCapture(served, running.id);
    await captureBecomes(served, running.id, ['conversion_pending']);
    await owner.rgw.restart();
    const done = await captureBecomes(served, running.id, ['success']);
    expect(troubleOf(done)).toBeUndefined();
    expect(await owner.digest('killed', objectOf(running.id))).toEqual(running.spooled());
    expect(await owner.uploads('killed')).toEqual([]);
  });
});

describe('keys that are taken away in the middle of a capture', () => {
  test('are told while it runs; once they are back, it goes on', async () => {
    const user = await owner.rgw.createUser('courier');
    await owner.makeBucket('keys', user);
    const { destination_conf } = await proveS3Bucket(served, owner, 'keys', { user });
    const running = await begin(destination_conf);
    await running.grow(9_000_000);
    await waitFor(async () => (await owner.pieces('keys')) === 1, { what: 'a first piece' });
    await owner.rgw.admin(['key', 'rm', '--uid', user.name, '--key-type', 's3', '--access-key', user.access_key_id]);
    await running.grow(30_000_000);
    const held = await troubleBecomes(running.id, /InvalidAccessKeyId/);
    expect(held).toMatchObject({ status: 'running' });
    const secrets = ['--access-key', user.access_key_id, '--secret-key', user.secret_access_key];
    await owner.rgw.admin(['key', 'create', '--uid', user.name, '--key-type', 's3', ...secrets]);
    await running.grow(40_000_000);
    expect(await troubleBecomes(running.id, undefined)).toMatchObject({ status: 'running' });
    await stopCapture(served, running.id);
    await captureBecomes(served, running.id, ['success']);
    expect(await owner.digest('keys', objectOf(running.id))).toEqual(running.spooled());
  });
});

describe('a bucket that is gone', () => {
  test('is told while the capture runs; where it comes back, all is sent again', async () => {
    await owner.makeBucket('gone');
    const { destination_conf } = await proveS3Bucket(served, owner, 'gone');
    const running = await begin(destination_conf);
    await running.grow(9_000_000);
    await waitFor(async () => (await owner.pieces('gone')) === 1, { what: 'a first piece' });
    await owner.removeBucket('gone');
    await running.grow(20_000_000);
    expect(await troubleBecomes(running.id, /NoSuchBucket/)).toMatchObject({ status: 'running' });
    await stopCapture(served, running.id);
    await captureBecomes(served, running.id, ['conversion_pending']);
    await owner.makeBucket('gone');
    const done = await captureBecomes(served, running.id, ['success']);
    expect(troubleOf(done)).toBeUndefined();
    expect(await owner.digest('gone', objectOf(running.id))).toEqual(running.spooled());
    expect(await owner.uploads('gone')).toEqual([]);
  });
});

describe('a delivered file that control makes', () => {
  test('outlives a gateway that is killed while it is written', async () => {
    await owner.makeBucket('converted');
    const { destination_conf } = await proveS3Bucket(served, owner, 'converted');
    const running = await begin(destination_conf, { format: 'pcapng' });
    await running.grow(100_000_000);
    await stopCapture(served, running.id);
    await waitFor(async () => (await owner.pieces('converted')) >= 1, { what: 'a piece', every_ms: 1 });
    await owner.rgw.kill();
    const held = await waitFor(
      async () => {
        const capture = await showCapture(served, running.id);
        return 'error_message' in capture && capture;
      },
      { what: 'the trouble to be told' },
    );
    expect(held).toMatchObject({
      status: 'conversion_running',
      error_message: expect.stringContaining('ECONNREFUSED'),
    });
    await owner.rgw.restart();
    const done = await captureBecomes(served, running.id, ['success']);
    expect(done).not.toHaveProperty('error_message');
    const path = scratch(`${running.id}.pcapng`, await owner.read('converted', `dir/pcap_${running.id}.pcapng`));
    const count = runClean('capinfos', ['-Mrc', '-T', path]).trim().split('\t').at(-1);
    expect(Number(count)).toBe(done['packets_captured']);
    await waitFor(async () => (await owner.uploads('converted')).length === 0, { what: 'no upload is left' });
  });
});

describe('what is left of a capture that fails', () => {
  test('its file is lost with its sensor: failed, and its upload is aborted', async () => {
    await owner.makeBucket('lost');
    const { destination_conf } = await proveS3Bucket(served, owner, 'lost');
    const running = await begin(destination_conf);
    await running.grow(9_000_000);
    await waitFor(async () => (await owner.pieces('lost')) === 1, { what: 'a first piece' });
    rmSync(running.spool_path);
    process.kill(served.pidOf('sensor'), 'SIGKILL');
    const failed = await captureBecomes(served, running.id, ['failed']);
    expect(failed['error_message']).toMatch(/sensor died/);
    await waitFor(async () => (await owner.uploads('lost')).length === 0, { what: 'no upload is left' });
    expect(await owner.keys('lost')).toEqual([expect.stringContaining('ownership-challenge')]);
  });

  test('a gateway that stays away for a day: failed with the reason, and aborted once it is back', async () => {
    await owner.makeBucket('away');
    const { destination_conf } = await proveS3Bucket(served, owner, 'away');
    const made_by_control = await begin(destination_conf, { format: 'pcapng' });
    const running = await begin(destination_conf);
    await running.grow(9_000_000);
    await waitFor(async () => (await owner.pieces('away')) === 1, { what: 'a first piece' });
    await owner.rgw.kill();
    await running.grow(20_000_000);
    for (const { id } of [running, made_by_control]) await stopCapture(served, id);
    await captureBecomes(served, running.id, ['conversion_pending']);
    await captureBecomes(served, made_by_control.id, ['conversion_running']);
    await troubleBecomes(running.id, /ECONNREFUSED/);
    for (const { id } of [running, made_by_control]) letADayPass(id);
    const failed = await captureBecomes(served, running.id, ['failed']);
    expect(failed['error_message']).toMatch(/ECONNREFUSED/);
    const download = await served.call('GET', `/pcaps/${running.id}/download`);
    expect(download).toMatchObject({
      status: 404,
      body: { errors: [{ message: expect.stringContaining(String(failed['error_message'])) }] },
    });
    const converted = await captureBecomes(served, made_by_control.id, ['failed']);
    expect(converted['error_message']).toMatch(/ECONNREFUSED/);
    await waitFor(() => readdirSync(join(served.data_dir, 'staging')).length === 0, { what: 'nothing to be staged' });
    await owner.rgw.restart();
    expect(await owner.uploads('away')).toEqual([objectOf(running.id)]);
    process.kill(served.pidOf('control'), 'SIGKILL');
    await waitFor(async () => (await owner.uploads('away')).length === 0, { what: 'no upload is left' });
  });
});

/** Moves the end of a capture a day back, in the database that control works on. */
function letADayPass(capture_id: string): void {
  const database = new DatabaseSync(join(served.data_dir, 'edgetap.sqlite'), { timeout: 5000 });
  database.prepare('update captures set deadline = deadline - 86500000000000 where id = ?').run(capture_id);
  database.close();
}
