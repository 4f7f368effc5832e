import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { get } from 'node:http';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { catalogue } from '../../src/model/errors/catalogue.ts';
import { rawConnection } from '../support/raw_http.ts';
import { type Served, startServe } from '../support/serve.ts';
import { captureBecomes, createCapture, downloadFile } from '../support/take_captures.ts';
import { waitFor } from '../support/wait_for.ts';

const open_files = 300;
let served: Served;
beforeAll(async () => {
  served = await startServe({
    interfaces: ['lo'],
    via: ['prlimit', `--nofile=${open_files}`],
    env: { EDGETAP_CONNECTIONS_PER_ADDRESS_MAX: '60', EDGETAP_TRUST_PROXY: '127.0.0.50' },
  });
});
afterAll(async () => await served?.remove());

/** Connections from an address of this host, which do nothing. */
async function connections(count: number, localAddress: string): Promise<readonly Socket[]> {
  const { hostname: host, port } = new URL(served.url);
  return await Promise.all(
    Array.from({ length: count }, async () => {
      const socket = connect({ host, port: Number(port), localAddress });
      socket.on('error', () => undefined);
      await new Promise((resolve) => socket.once('connect', resolve).once('close', resolve));
      return socket;
    }),
  );
}

/** Asks from an address of this host, on a connection of its own. */
async function ask(path: string, localAddress: string): Promise<number | string> {
  return await new Promise((resolve) => {
    const asked = get(`${served.url}${path}`, { localAddress, agent: false }, (response) => {
      void text(response).then(() => resolve(response.statusCode ?? 0));
    });
    asked.on('error', ({ message }) => resolve(message));
  });
}

const openFiles = (): number => readdirSync(`/proc/${served.pidOf('control')}/fd`).length;
const alive = (sockets: readonly Socket[]): number =>
  sockets.filter((one) => !one.destroyed && !one.readableEnded).length;
/** Resolves once the server has seen all that came before. */
const seen = async (): Promise<void> => void (await fetch(`${served.url}/healthz`));
const close = async (sockets: readonly Socket[]): Promise<void> => {
  const before = openFiles();
  for (const one of sockets) one.destroy();
  await waitFor(() => sockets.length === 0 || openFiles() < before || alive(sockets) === 0, {
    what: 'the connections to be gone',
  });
};

test('one address has so many connections, and its idle ones go first', async () => {
  const idle = await connections(150, '127.0.0.2');
  await seen();
  await waitFor(() => alive(idle) <= 60, { what: 'the first ones to be closed' });
  // The newest stay.
  expect(alive(idle.slice(-50))).toBe(50);
  expect(await ask('/healthz', '127.0.0.2')).toBe(200);
  expect(await ask('/healthz', '127.0.0.3')).toBe(200);
  await close(idle);
});

test('a proxy that is trusted stands for any number of clients', async () => {
  const through = await connections(80, '127.0.0.50');
  await seen();
  expect(alive(through)).toBe(80);
  await close(through);
});

test('idle connections of many addresses do not use up the open files; captures and downloads go on', async () => {
  const floods: Socket[] = [];
  for (let address = 10; address < 30; address += 1) floods.push(...(await connections(40, `127.0.0.${address}`)));
  await seen();
  expect(openFiles()).toBeLessThan(open_files * 0.9);
  const { id } = await createCapture(served, { type: 'simple', time_limit: 1, packet_limit: 10 });
  await captureBecomes(served, id);
  expect((await downloadFile(served, id)).length).toBeGreaterThan(0);
  const readiness = (await (await fetch(`${served.url}/readyz`)).json()) as { readonly reasons: readonly string[] };
  expect(readiness.reasons).toEqual([]);
  await close(floods);
});

test('where all are at work, a newcomer is told so at once', async () => {
  const { hostname: host, port } = new URL(served.url);
  const busy = [...(await connections(60, '127.0.0.4'))];
  const head = `POST /client/v4/accounts/${served.account_id}/pcaps HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${served.token}\r\nContent-Type: application/json\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n`;
  // Told to go on, they are at work.
  await Promise.all(
    busy.map(async (one) => {
      one.write(head);
      await new Promise((resolve) => one.once('data', resolve));
    }),
  );
  const refused = connect({ host, port: Number(port), localAddress: '127.0.0.4' });
  const answer = await text(refused);
  expect(answer).toMatch(/^HTTP\/1\.1 429 Too Many Requests\r\n/);
  expect(answer).toContain('EDGETAP_CONNECTIONS_PER_ADDRESS_MAX');
  expect(answer.toLowerCase()).toContain('retry-after: ');
  expect(answer).toContain(`"code":${catalogue.share_used.code}`);
  expect(answer).toContain('are the most that one address may have (');
  expect(await ask('/healthz', '127.0.0.5')).toBe(200);
  const metrics = await waitFor(
    async () => {
      const found = await (await fetch(`${served.url}/metrics`)).text();
      return found.includes('edgetap_limit_refused_total{limit="connections_of_address"} 1') && found;
    },
    { what: 'the refusal in the metrics' },
  );
  expect(metrics).toContain('edgetap_limit_used{limit="connections_of_address"} 60');
  // Further addresses come to work until there is no place at all.
  let told = '';
  for (let made = 0; made < open_files && !told.startsWith('HTTP/1.1 503 '); made += 1) {
    const [one] = await connections(1, `127.0.1.${1 + (made % 50)}`);
    if (one === undefined) break;
    busy.push(one);
    one.write(head);
    const [data] = (await once(one, 'data')) as [Buffer];
    told = data.toString();
  }
  expect(told).toContain(`"code":${catalogue.all_shares_used.code}`);
  expect(told).toContain('EDGETAP_CONNECTIONS_MAX');
  await close(busy);
  expect(await ask('/healthz', '127.0.0.5')).toBe(200);
});

test('no open file left is told, and is over once there are some again', async () => {
  const pid = String(served.pidOf('control'));
  const limit = (count: number): void =>
    void execFileSync('prlimit', ['--pid', pid, `--nofile=${count}:${open_files}`]);
  const kept = rawConnection(served.url);
  const readiness = async (count: number): Promise<string> => {
    kept.write('GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
    return (await kept.answers(count))[count - 1]?.body ?? '';
  };
  expect(await readiness(1)).not.toContain('open files');
  limit(openFiles());
  // Whoever comes is cut off, or waits in the queue of the system.
  const waiting = await connections(60, '127.0.0.7');
  expect(catalogue.descriptors_short.text).toContain('open files');
  expect(await readiness(2)).toMatch(/open files, and .* of them are open/);
  limit(open_files);
  await close(waiting);
  expect(await ask('/healthz', '127.0.0.6')).toBe(200);
  expect(await readiness(3)).not.toContain('open files');
  kept.socket.destroy();
});
