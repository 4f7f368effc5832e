import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { enterNamespace } from '../support/enter_namespace.ts';
import { createNamespacePair, type NamespacePair } from '../support/namespace_pair.ts';
import { parsePcap, type SamplePacket } from '../support/packet_samples.ts';
import { type Served, startServe } from '../support/serve.ts';
import {
  captureBecomes,
  createCapture,
  deliveredFile,
  downloadFile,
  provedFileBucket,
  stopCapture,
} from '../support/take_captures.ts';
import { waitFor } from '../support/wait_for.ts';
import { allArmed } from './shown_sensors.ts';

// A transfer with BIG TCP: segments of more than 64 KiB, which Linux marks with a hop-by-hop jumbo header, and a payload length of 0.

const port = 5555;
const [near, far] = ['fd00:ed9e::1', 'fd00:ed9e::2'];
const transfer_bytes = 24 << 20;
const ethernet = 14;

let pair: NamespacePair;
let served: Served;
let bucket: string;
let server: Server;
let received = 0;

beforeAll(async () => {
  pair = await createNamespacePair({ mtu: 9000 });
  for (const [side, address] of [
    ['near', near],
    ['far', far],
  ] as const) {
    const { name, namespace } = pair[side];
    enterNamespace(namespace, () => writeFileSync(`/proc/sys/net/ipv6/conf/${name}/disable_ipv6`, '0'));
    await pair.exec(side, 'ip', ['link', 'set', name, 'gso_max_size', '185000', 'gro_max_size', '185000']);
    await pair.exec(side, 'ip', ['address', 'add', `${address}/64`, 'dev', name, 'nodad']);
    const other = side === 'near' ? { ip: far, mac: pair.far.mac } : { ip: near, mac: pair.near.mac };
    const entry = [other.ip, 'lladdr', other.mac, 'nud', 'permanent', 'dev', name];
    await pair.exec(side, 'ip', ['neighbour', 'replace', ...entry]);
  }
  served = await startServe({ interfaces: [pair.near.name], env: { EDGETAP_SAMPLE_RATE: '1' } });
  bucket = await provedFileBucket(served);
  server = createServer((socket) => socket.on('data', (data) => (received += data.length)));
  server.listen(port, near);
  await once(server, 'listening');
});
afterAll(async () => {
  server?.close();
  await served?.remove();
  await pair?.remove();
});

/** Sends so much from the far side to the near one. */
async function transfer(): Promise<void> {
  const before = received;
  const code = `require('node:net').connect(${port}, '${near}').end(Buffer.alloc(${transfer_bytes}))`;
  await pair.exec('far', process.execPath, ['-e', code]);
  await waitFor(() => received - before === transfer_bytes, { what: 'all has arrived' });
}

/** How many bytes of TCP's payload a packet says that it has, hop by hop or not. */
function payloadOf({ data, original }: SamplePacket): number {
  const ip = Buffer.from(data).subarray(ethernet);
  expect(ip.readUInt8(0) >> 4).toBe(6);
  const tcp = ip.readUInt8(6) === 0 ? 48 : 40;
  return original - ethernet - tcp - (ip.readUInt8(tcp + 12) >> 4) * 4;
}

/**
 * The beginning of each packet, as far as samples have it, and its length. (Not the time: of what a host sends to itself each socket has its own,
 * because the kernel uses the place for the time at which it is to be sent.)
 */
function headsOf(packets: readonly SamplePacket[]): readonly string[] {
  return packets.map(({ data, original }) => `${original} ${Buffer.from(data.subarray(0, 160)).toString('hex')}`);
}

function isJumbo({ data }: SamplePacket): boolean {
  return data[ethernet + 6] === 0;
}

test('filter_v1 catches all of it, in full captures and look-backs', async () => {
  const filters = [{ protocol: 6 }, { destination_port: port }, { protocol: 6, destination_port: port }];
  const back = { source_address: near, source_port: port, protocol: 6 };
  const full = { type: 'full', time_limit: 3600, colo_name: 'lab01', destination_conf: bucket };
  const ids: string[] = [];
  for (const filter_v1 of [...filters, back]) ids.push((await createCapture(served, { ...full, filter_v1 })).id);
  for (const id of ids) await allArmed(served, id);
  await transfer();
  for (const id of ids) await stopCapture(served, id);
  const files: SamplePacket[][] = [];
  for (const id of ids) {
    const { packets_dropped } = await captureBecomes(served, id);
    expect(packets_dropped).toBe(0);
    files.push(parsePcap(deliveredFile(bucket, id)).packets);
  }
  const [all = [], towards = [], both = [], answers = []] = files;
  for (const packets of [towards, both]) {
    expect(packets.filter(isJumbo).length).toBeGreaterThan(10);
    // What is sent again counts twice.
    expect(packets.reduce((sum, one) => sum + payloadOf(one), 0)).toBeGreaterThanOrEqual(transfer_bytes);
  }
  expect(headsOf(both)).toEqual(headsOf(towards));
  expect(all.length).toBe(towards.length + answers.length);
  const samples = async (filter_v1: Readonly<Record<string, unknown>>): Promise<readonly string[]> => {
    const { id } = await createCapture(served, { type: 'simple', time_limit: 60, packet_limit: 10_000, filter_v1 });
    await captureBecomes(served, id);
    return headsOf(parsePcap(await downloadFile(served, id)).packets);
  };
  for (const [index, filter_v1] of filters.entries()) {
    await waitFor(async () => (await samples(filter_v1)).length >= (files[index]?.length ?? 0), {
      what: 'the samples',
    });
    expect(await samples(filter_v1)).toEqual(headsOf(files[index] ?? []));
  }
});
