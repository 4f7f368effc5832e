import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readPackets } from '../support/read_packets.ts';
import { type Served, startServe } from '../support/serve.ts';
import {
  captureBecomes,
  createCapture,
  deliveredFile,
  downloadFile,
  provedFileBucket,
  stopCapture,
} from '../support/take_captures.ts';

// An account whose scope has 127.0.0.0/8 captures loopback, where edgetap itself listens: it must not see anybody's token.

const others = 'seen-by-who-may-see-loopback';
/** Goes to the API only, and no other test of this machine sends it. */
const secret = randomBytes(12).toString('hex');
const full = { type: 'full', colo_name: 'lab01', time_limit: 300 };

let served: Served;
let bucket: string;
/** Another program's server, and one on the API's own port of another address. */
let servers: readonly [elsewhere: Server, same_port: Server];

async function listening(host: string, port: number): Promise<Server> {
  const server = createServer((_, answer) => answer.end('ok')).listen(port, host);
  await once(server, 'listening');
  return server;
}

const portOf = (server: Server): number => (server.address() as AddressInfo).port;
const apiPort = (): number => Number(new URL(served.url).port);

beforeAll(async () => {
  served = await startServe({ interfaces: ['lo'] });
  bucket = await provedFileBucket(served);
  servers = [await listening('127.0.0.1', 0), await listening('127.0.0.2', apiPort())];
});
afterAll(async () => {
  for (const server of servers ?? []) server.close();
  await served?.remove();
});

/** Traffic of others, and edgetap's own. */
async function traffic(): Promise<void> {
  const headers = { 'x-mark': others, connection: 'close' };
  for (const [index, server] of servers.entries()) {
    await (await fetch(`http://127.0.0.${index + 1}:${portOf(server)}/`, { headers })).text();
  }
  for (let count = 0; count < 3; count += 1) await served.call('GET', `/pcaps/${secret}`);
}

/** Addresses and ports of the TCP packets in a file of loopback. */
function tcpEnds(file: Buffer): readonly string[] {
  return readPackets([file]).packets.flatMap(({ data }) => {
    const packet = Buffer.from(data);
    if (packet.readUInt16BE(12) !== 0x0800 || packet[23] !== 6) return [];
    const end = (address: number, port: number): string =>
      `${[...packet.subarray(address, address + 4)].join('.')}:${packet.readUInt16BE(port)}`;
    return [end(26, 34), end(30, 36)];
  });
}

test('a capture of loopback has what others say, and nothing of edgetap’s own', async () => {
  const spying = await createCapture(served, { ...full, destination_conf: bucket });
  await captureBecomes(served, spying.id, ['running']);
  // Its part goes through the intake while the other is captured.
  const delivered = await createCapture(served, {
    ...full,
    destination_conf: bucket,
    filter_v1: { destination_port: portOf(servers[0]) },
  });
  await captureBecomes(served, delivered.id, ['running']);
  await traffic();
  await stopCapture(served, delivered.id);
  await captureBecomes(served, delivered.id, ['success']);
  await stopCapture(served, spying.id);
  await captureBecomes(served, spying.id, ['success']);

  const file = deliveredFile(bucket, spying.id);
  const ends = tcpEnds(file);
  expect(file.includes(others)).toBe(true);
  expect(ends).toContain(`127.0.0.2:${apiPort()}`);
  expect(ends).not.toContain(`127.0.0.1:${apiPort()}`);
  expect(file.includes(secret)).toBe(false);
});

test('the samples of loopback have what others say, and nothing of edgetap’s own', async () => {
  await traffic();
  const simple = await createCapture(served, { type: 'simple', time_limit: 60, packet_limit: 10_000 });
  const { status } = await captureBecomes(served, simple.id, ['success', 'complete']);
  expect(['success', 'complete']).toContain(status);
  const ends = tcpEnds(await downloadFile(served, simple.id));
  expect(ends).toContain(`127.0.0.1:${portOf(servers[0])}`);
  expect(ends).toContain(`127.0.0.2:${apiPort()}`);
  expect(ends).not.toContain(`127.0.0.1:${apiPort()}`);
});
