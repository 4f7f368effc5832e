import { createHash } from 'node:crypto';
import { createReadStream, existsSync, linkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RgwUser } from '../support/ceph_rgw.ts';
import { filesWith } from '../support/find_text.ts';
import { jumbo_frame_bytes, jumboFrames } from '../fixtures/jumbo_frames.ts';
import { createNamespacePair, type NamespacePair } from '../support/namespace_pair.ts';
import { runClean, scratchFolder } from '../support/packet_tools.ts';
import { type FrameSender, openFrameSender } from '../support/replay_frames.ts';
import { proveS3Bucket, type S3Owner, startS3Owner } from '../support/s3_owner.ts';
import { type Served, startServe } from '../support/serve.ts';
import { captureBecomes, createCapture, downloadFile, showCapture } from '../support/take_captures.ts';
import { waitFor } from '../support/wait_for.ts';

const scratch = scratchFolder();
let owner: S3Owner;
let pairs: NamespacePair[] = [];
let senders: FrameSender[] = [];
/** One interface, so that the sensor's part is the delivered object. */
let direct: Served;
/** Two interfaces, so that control makes the delivered object of staged parts. */
let staged: Served;
let courier: RgwUser;

beforeAll(async () => {
  owner = await startS3Owner();
  pairs = [await createNamespacePair({ mtu: 9000 }), await createNamespacePair({ mtu: 9000 })];
  senders = pairs.map((pair) => openFrameSender(pair.far));
  const names = pairs.map((pair) => pair.near.name);
  const env = { EDGETAP_ALLOW_ENDPOINTS: new URL(owner.rgw.endpoint).host };
  [direct, staged] = await Promise.all([
    startServe({ interfaces: names.slice(0, 1), env }),
    startServe({ interfaces: names, env }),
  ]);
});
afterAll(async () => {
  await Promise.all([direct?.remove(), staged?.remove()]);
  for (const sender of senders) sender.close();
  for (const pair of pairs) await pair.remove();
  await owner?.stop();
});

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

interface Sent {
  readonly id: string;
  readonly frames: number;
}

/** Takes a full capture of so many frames, sent at once over all interfaces in turn, and stops it. */
async function captureFrames(served: Served, body: Readonly<Record<string, unknown>>, frames: number): Promise<Sent> {
  const { id } = await createCapture(served, { type: 'full', colo_name: 'lab01', time_limit: 3600, ...body });
  const used = senders.slice(0, served === direct ? 1 : 2);
  await waitFor(
    async () =>
      ((await showCapture(served, id))['sensors'] as { status: string }[]).every((one) => one.status === 'running'),
    { what: 'all interfaces are captured' },
  );
  let sent = 0;
  while (sent < frames) {
    for (const sender of used) sent += sender.send(jumboFrames(sent, Math.min(100, frames - sent)));
  }
  await waitFor(async () => (await showCapture(served, id))['packets_captured'] === frames, {
    what: 'all are captured',
  });
  const { status } = await served.call('PUT', `/pcaps/${id}/stop`);
  expect(status).toBe(204);
  return { id, frames };
}

/** The frames' numbers, read by Wireshark. */
function numbersOf(path: string): number[] {
  const lines = runClean('tshark', ['-n', '-r', path, '-T', 'fields', '-e', 'eth.src']).trim().split('\n');
  return lines.map((address) => parseInt(address.replaceAll(':', '').slice(4), 16));
}

const countedUpTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

describe('300 MB of one interface', () => {
  test('are uploaded while they are captured, and the object is the spool file', async () => {
    await owner.makeBucket('large');
    const { destination_conf } = await proveS3Bucket(direct, owner, 'large');
    const byte_limit = 300_000_000;
    const { id } = await createCapture(direct, {
      type: 'full',
      colo_name: 'lab01',
      time_limit: 3600,
      byte_limit,
      destination_conf,
    });
    await captureBecomes(direct, id, ['running']);
    const [pair] = pairs;
    const spool_path = join(direct.data_dir, 'sensor', 'spool', id, `${pair?.near.name}.pcap`);
    const kept_path = scratch('kept.pcap');
    linkSync(spool_path, kept_path);
    let sent = 0;
    /** Sends at full speed, less than the ring holds at once, until so much has been sent. */
    const sendUpTo = async (bytes: number): Promise<void> => {
      while (sent * jumbo_frame_bytes < bytes) {
        sent += senders[0]?.send(jumboFrames(sent, 2000)) ?? 0;
        const written = Math.min(sent, Math.floor(byte_limit / jumbo_frame_bytes)) * (jumbo_frame_bytes + 16) + 24;
        await waitFor(() => statSync(kept_path).size >= written, {
          what: `${written} bytes in the spool`,
          every_ms: 5,
        });
      }
    };
    await sendUpTo(100_000_000);
    await waitFor(async () => (await owner.pieces('large')) >= 8, { what: 'pieces in the bucket' });
    expect(await showCapture(direct, id)).toMatchObject({ status: 'running' });
    await sendUpTo(byte_limit + jumbo_frame_bytes);
    const done = await captureBecomes(direct, id, ['success']);
    const packets = Math.floor(byte_limit / jumbo_frame_bytes);
    expect(done).toMatchObject({
      packets_captured: packets,
      packets_dropped: 0,
      sensors: [{ packets, bytes: packets * jumbo_frame_bytes, dropped: 0, status: 'done', stop_reason: 'byte_limit' }],
    });
    const spooled = { sha256: await sha256Of(kept_path), size_bytes: statSync(kept_path).size };
    expect(await owner.digest('large', `dir/pcap_${id}.pcap`)).toEqual(spooled);
    const file = await downloadFile(direct, id);
    expect(createHash('sha256').update(file).digest('hex')).toBe(spooled.sha256);
    expect(numbersOf(kept_path)).toEqual(countedUpTo(packets));
    expect(await owner.uploads('large')).toEqual([]);
    await waitFor(() => !existsSync(spool_path), { what: 'the spool to be empty' });
  });
});

describe('a policy that allows nothing but PutObject', () => {
  const frames = 2300; // 20 MB: three pieces
  beforeAll(async () => {
    courier = await owner.rgw.createUser('courier');
    await owner.makeBucket('put-only', courier);
  });

  test.each([
    ['a part that is the delivered object', (): Served => direct, 'pcap'],
    ['a file made of two interfaces', (): Served => staged, 'pcap'],
    ['pcapng of one interface', (): Served => direct, 'pcapng'],
    ['pcapng of two interfaces', (): Served => staged, 'pcapng'],
  ])('is enough for %s', async (what, serving, format) => {
    const served = serving();
    const directory = what.replaceAll(' ', '-');
    const { destination_conf } = await proveS3Bucket(served, owner, 'put-only', { user: courier, directory });
    const { id } = await captureFrames(served, { destination_conf, format }, frames);
    expect(await captureBecomes(served, id, ['success'])).toMatchObject({ packets_captured: frames });
    const object = scratch(`${id}.${format}`, await owner.read('put-only', `${directory}/pcap_${id}.${format}`));
    expect(numbersOf(object)).toEqual(countedUpTo(frames));
    expect(await owner.uploads('put-only')).toEqual([]);
    const download = await served.call('GET', `/pcaps/${id}/download`);
    expect(download.status).toBe(502);
    expect(download.body.errors).toMatchObject([
      {
        code: 1214,
        message: expect.stringMatching(new RegExp(`The file is in ${destination_conf.replace('?', '\\?')}.*denied`)),
      },
    ]);
    expect(download.headers.get('x-should-retry')).toBe('false');
  });
});

describe.each(['r2', 'gs'] as const)('%s:// with an endpoint', (scheme) => {
  test('is proved, delivered into and read like s3://', async () => {
    await owner.makeBucket(`${scheme}-captures`);
    const { destination_conf } = await proveS3Bucket(direct, owner, `${scheme}-captures`, { scheme });
    expect(destination_conf).toMatch(new RegExp(`^${scheme}://${scheme}-captures/dir[?]`));
    const frames = 1200;
    const { id } = await captureFrames(direct, { destination_conf }, frames);
    await captureBecomes(direct, id, ['success']);
    const object = await owner.read(`${scheme}-captures`, `dir/pcap_${id}.pcap`);
    expect(numbersOf(scratch(`${id}.pcap`, object))).toEqual(countedUpTo(frames));
    expect((await downloadFile(direct, id)).equals(object)).toBe(true);
  });
});

test('after all this, no secret and no signature is in any file or line of output', () => {
  const users = [owner.rgw.owner, courier];
  const secrets = [...users.flatMap((user) => [user.secret_access_key, user.access_key_id]), 'X-Amz-Signature'];
  for (const served of [direct, staged]) {
    expect(filesWith(served.data_dir, secrets)).toEqual([]);
    for (const secret of secrets) expect(served.output()).not.toContain(secret);
  }
  // The look would find one.
  expect(filesWith(direct.data_dir, ['r2-captures'])).not.toEqual([]);
});
