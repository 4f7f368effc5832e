import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import Cloudflare, { AuthenticationError, NotFoundError } from 'cloudflare';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createNamespacePair, type NamespacePair } from '../support/namespace_pair.ts';
import { parsePcap } from '../support/packet_samples.ts';
import { replayFrames } from '../support/replay_frames.ts';
import { type Served, startServe } from '../support/serve.ts';
import { requireAsCovered } from '../support/ends_as_covered.ts';
import { waitFor } from '../support/wait_for.ts';

let pair: NamespacePair;
let served: Served;
let client: Cloudflare;
let account: { account_id: string };

const frame = (number: number): Uint8Array => {
  const bytes = new Uint8Array(100);
  bytes.set([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x08, 0x00, 0x45, 0, 0, 86]);
  bytes.set([64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0x10, 0, 0x20, number], 22);
  return bytes;
};

beforeAll(async () => {
  pair = await createNamespacePair();
  served = await startServe({ interfaces: [pair.near.name] });
  client = new Cloudflare({ apiToken: served.token, baseURL: served.base_url, maxRetries: 0 });
  account = { account_id: served.account_id };
});
afterAll(async () => {
  await served?.remove();
  await pair?.remove();
});

describe('the official SDK with nothing but a base URL and a token', () => {
  test('verifies its token', async () => {
    expect(await client.user.tokens.verify()).toMatchObject({ status: 'active' });
  });

  let destination_conf = '';
  let ownership_id = '';

  test('adds, lists and validates a bucket', async () => {
    const directory = join(served.data_dir, 'buckets', 'sdk');
    destination_conf = `file://${directory}`;
    const { pcaps } = client.magicTransit;
    const added = await pcaps.ownership.create({ ...account, destination_conf });
    expect(added).toMatchObject({ destination_conf, status: 'pending' });
    expect(added).not.toHaveProperty('validated');
    ownership_id = added.id;
    const wrong = pcaps.ownership.validate({ ...account, destination_conf, ownership_challenge: added.filename });
    await expect(wrong).rejects.toMatchObject({ status: 400, errors: [{ code: 1209 }] });
    const ownership_challenge = readFileSync(join(directory, added.filename), 'utf8');
    const proved = await pcaps.ownership.validate({ ...account, destination_conf, ownership_challenge });
    expect(proved).toMatchObject({ id: added.id, status: 'success' });
    expect(Date.parse(proved.validated ?? '')).toBeGreaterThan(Date.now() - 60_000);
    const listed: unknown[] = [];
    for await (const one of pcaps.ownership.get(account)) listed.push(one);
    expect(listed).toEqual([proved]);
  });

  test('takes a full capture, watches it, stops it, and downloads it', async () => {
    const { pcaps } = client.magicTransit;
    const created = await pcaps.create({
      ...account,
      type: 'full',
      system: 'magic-transit',
      time_limit: 60,
      colo_name: 'lab01',
      destination_conf,
      filter_v1: { protocol: 17, source_address: '10.0.0.1', destination_port: 0x2005 },
    });
    expect(created).toMatchObject({ type: 'full', status: 'pending', destination_conf });
    const id = created.id ?? '';
    await waitFor(async () => (await pcaps.get(id, account)).status === 'running', { what: 'running' });
    await expect(pcaps.download.get(id, account)).rejects.toMatchObject({ status: 409 });
    replayFrames(pair.far, [frame(4), frame(5), frame(6), frame(5)]);
    await pcaps.stop(id, account);
    await pcaps.stop(id, account);
    const done = await waitFor(
      async () => {
        const now = await pcaps.get(id, account);
        return now.status === 'success' ? now : undefined;
      },
      { what: 'success' },
    );
    expect(done).toMatchObject({ packets_captured: 2, colo_name: 'lab01' });
    const response = await pcaps.download.get(id, account);
    expect(response.headers.get('content-type')).toContain('application/vnd.tcpdump.pcap');
    const file = Buffer.from(await response.arrayBuffer());
    expect(parsePcap(file).packets.map((packet) => packet.data[37])).toEqual([5, 5]);
    expect(file.equals(readFileSync(join(destination_conf.slice('file://'.length), `pcap_${id}.pcap`)))).toBe(true);
    await pcaps.stop(id, account);
  });

  test('takes a simple capture and downloads it', async () => {
    const { pcaps } = client.magicTransit;
    const created = await pcaps.create({
      ...account,
      type: 'simple',
      system: 'magic-transit',
      time_limit: 60,
      packet_limit: 3,
    });
    const id = created.id ?? '';
    const ended = await waitFor(
      async () => {
        const one = await pcaps.get(id, account);
        return ['success', 'complete'].includes(one.status ?? '') && one;
      },
      { what: 'its end' },
    );
    // The minute may begin before the server did.
    requireAsCovered({ ...ended, id, status: String(ended.status) });
    const file = Buffer.from(await (await pcaps.download.get(id, account)).arrayBuffer());
    expect(parsePcap(file).packets.map((packet) => packet.data[37])).toEqual([5, 6, 5]);
    await expect(pcaps.stop(id, account)).rejects.toMatchObject({ status: 400 });
    const listed: string[] = [];
    for await (const one of pcaps.list(account)) listed.push(`${one.type} ${one.status}`);
    expect(listed).toEqual([`simple ${ended.status}`, 'full success']);
  });

  test("each class of error is the SDK's own class", async () => {
    const { pcaps } = client.magicTransit;
    const unknown = 'f'.repeat(32);
    await expect(pcaps.get(unknown, account)).rejects.toBeInstanceOf(NotFoundError);
    await expect(pcaps.stop(unknown, account)).rejects.toBeInstanceOf(NotFoundError);
    await expect(pcaps.download.get(unknown, account)).rejects.toBeInstanceOf(NotFoundError);
    await expect(pcaps.get(unknown, { account_id: 'b'.repeat(32) })).rejects.toBeInstanceOf(NotFoundError);
    const bad = { ...account, type: 'simple', system: 'magic-transit', time_limit: 301, packet_limit: 1 } as const;
    await expect(pcaps.create(bad)).rejects.toMatchObject({
      status: 400,
      errors: [{ code: 1103, source: { pointer: '/time_limit' } }],
    });
    const nobody = new Cloudflare({ apiToken: `${served.token}x`, baseURL: served.base_url, maxRetries: 0 });
    await expect(nobody.magicTransit.pcaps.get(unknown, account)).rejects.toBeInstanceOf(AuthenticationError);
  });

  test('removes a bucket', async () => {
    const { ownership } = client.magicTransit.pcaps;
    await ownership.delete(ownership_id, account);
    await expect(ownership.delete(ownership_id, account)).rejects.toBeInstanceOf(NotFoundError);
  });
});
