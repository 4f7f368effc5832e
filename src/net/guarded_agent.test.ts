import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type Server, createServer, request as httpRequest } from 'node:http';
import { createServer as createTlsServer, request as httpsRequest } from 'node:https';
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type EndpointPolicy, parseEndpointPolicy } from '../model/endpoint_policy.ts';
import { holdPorts } from '../libpcap/hold_ports.ts';
import { FaultError } from '../model/errors/fault.ts';
import { type GuardOptions, guardedAgents } from './guarded_agent.ts';
import type { Resolve } from './guarded_lookup.ts';
import { verifyPeer } from './verify_peer.ts';

function policy(text: string): EndpointPolicy {
  const parsed = parseEndpointPolicy(text);
  if (!parsed.ok) throw new Error(parsed.faults[0]?.message);
  return parsed.value;
}

/** Every connection that reaches the machine, whatever becomes of it. */
let connections = 0;
let plain: Server;
let port: number;

beforeAll(async () => {
  plain = createServer((_, response) => response.end('reached'));
  plain.on('connection', () => (connections += 1));
  // Both families, as far as the machine has them.
  plain.listen({ port: 0, host: '::', ipv6Only: false });
  await once(plain, 'listening');
  port = (plain.address() as AddressInfo).port;
});
afterAll(() => plain.close());

/** Makes one request with fresh agents: the body, or the fault's name, or the error's code. */
async function get(url: string, options: Partial<GuardOptions> & { readonly list?: string } = {}): Promise<string> {
  const agents = guardedAgents({ policy: policy(options.list ?? ''), ...options });
  const secure = url.startsWith('https:');
  try {
    return await new Promise<string>((resolve, reject) => {
      const asked = secure ? httpsRequest(url, { agent: agents.https }) : httpRequest(url, { agent: agents.http });
      asked.on('error', reject);
      asked.on('response', (response) => {
        response.setEncoding('utf8').once('data', resolve);
        response.once('error', reject);
      });
      asked.end();
    });
  } catch (error) {
    if (error instanceof FaultError) return error.faults[0].name;
    return (error as NodeJS.ErrnoException).code ?? String(error);
  } finally {
    agents.close();
  }
}

describe('nothing listed: no way leads to this machine', () => {
  test.each([
    'https://127.0.0.1:PORT/',
    'https://127.1:PORT/',
    'https://2130706433:PORT/',
    'https://0x7f000001:PORT/',
    'https://0x7f.0.0.1:PORT/',
    'https://0177.0.0.1:PORT/',
    'https://017700000001:PORT/',
    'https://%31%32%37.0.0.1:PORT/',
    'https://１２７.0.0.1:PORT/',
    'https://0.0.0.0:PORT/',
    'https://0:PORT/',
    'https://[::]:PORT/',
    'https://[::1]:PORT/',
    'https://[::ffff:127.0.0.1]:PORT/',
    'https://[::ffff:7f00:1]:PORT/',
    'https://[0:0:0:0:0:ffff:127.0.0.1]:PORT/',
    'https://[::127.0.0.1]:PORT/',
    'https://[64:ff9b::7f00:1]:PORT/',
    'https://[2002:7f00:1::]:PORT/',
    'https://localhost:PORT/',
    'https://LOCALHOST:PORT/',
    'https://169.254.169.254/',
    'https://10.0.0.1/',
    'https://172.16.0.1/',
    'https://192.168.1.1/',
    'https://100.64.0.1/',
    'https://224.0.0.1/',
    'https://255.255.255.255/',
    'https://192.0.2.1/',
    'https://[fe80::1]/',
    'https://[fd00::1]/',
    'https://[ff02::1]/',
  ])('%s', async (url) => {
    const before = connections;
    expect(await get(url.replace('PORT', String(port)))).toBe('endpoint_refused');
    expect(connections).toBe(before);
  });

  test.each(['http://127.0.0.1:PORT/', 'http://localhost:PORT/', 'http://[::ffff:127.0.0.1]:PORT/', 'http://8.8.8.8/'])(
    '%s is not even HTTPS',
    async (url) => {
      const before = connections;
      expect(await get(url.replace('PORT', String(port)))).toBe('endpoint_insecure');
      expect(connections).toBe(before);
    },
  );
});

describe('names', () => {
  const resolveTo =
    (...addresses: string[]): Resolve =>
    (_host, _family, answer) =>
      answer(
        null,
        addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
      );

  test.each([
    [['127.0.0.1']],
    [['::1']],
    [['::ffff:127.0.0.1']],
    [['8.8.8.8', '127.0.0.1']],
    [['2606:4700::1111', '10.0.0.1']],
    [['0.0.0.0']],
  ])('one that resolves to %j is refused', async (addresses) => {
    const before = connections;
    expect(await get(`https://rebind.example:${port}/`, { resolve: resolveTo(...addresses) })).toBe('endpoint_refused');
    expect(connections).toBe(before);
  });

  test('each connection looks again: an answer that changes is caught', async () => {
    const answers = ['8.8.8.8', '127.0.0.1'];
    const asked: string[] = [];
    const resolve: Resolve = (_host, _family, answer) => {
      const address = answers[asked.length] ?? '';
      asked.push(address);
      // The first is public and goes nowhere from here: what counts is that it is not remembered.
      const unreachable = Object.assign(new Error('no route'), { code: 'ENETUNREACH' });
      answer(asked.length === 1 ? unreachable : null, [{ address, family: 4 }]);
    };
    expect(await get(`https://rebind.example:${port}/`, { resolve })).toBe('ENETUNREACH');
    expect(await get(`https://rebind.example:${port}/`, { resolve })).toBe('endpoint_refused');
    expect(asked).toEqual(answers);
  });

  test('one that does not exist says so', async () => {
    const resolve: Resolve = (_host, _family, answer) =>
      answer(Object.assign(new Error('getaddrinfo ENOTFOUND'), { code: 'ENOTFOUND' }), []);
    expect(await get('https://nowhere.example/', { resolve })).toBe('ENOTFOUND');
    // To strangers it is like one that leads where they may not go, and only where such a one would be refused.
    const conceals = true;
    expect(await get('https://nowhere.example/', { resolve, conceals })).toBe('endpoint_refused');
    expect(await get('http://nowhere.example/', { resolve, conceals })).toBe('endpoint_insecure');
    expect(await get('https://nowhere.example/', { resolve, conceals, list: 'nowhere.example' })).toBe('ENOTFOUND');
    expect(await get('https://nowhere.example/', { resolve, conceals, list: '127.0.0.0/8' })).toBe('ENOTFOUND');
  });

  test('a listed name may lead anywhere, another name of the same address may not', async () => {
    const resolve = resolveTo('127.0.0.1');
    const list = `storage.example:${port}`;
    expect(await get(`http://storage.example:${port}/`, { list, resolve })).toBe('reached');
    expect(await get(`http://other.example:${port}/`, { list, resolve })).toBe('endpoint_insecure');
  });
});

describe('listed', () => {
  test.each([
    ['127.0.0.1', 'http://127.0.0.1:PORT/'],
    ['127.0.0.1:PORT', 'http://127.0.0.1:PORT/'],
    ['127.0.0.0/8', 'http://127.0.0.1:PORT/'],
    ['127.0.0.0/8', 'http://2130706433:PORT/'],
    ['localhost', 'http://localhost:PORT/'],
    ['127.0.0.0/8,::1', 'http://localhost:PORT/'],
  ])('%s: %s is reached', async (list, url) => {
    const at = (text: string): string => text.replace('PORT', String(port));
    expect(await get(at(url), { list: at(list) })).toBe('reached');
  });

  test('the port counts', async () => {
    expect(await get(`http://127.0.0.1:${port}/`, { list: `127.0.0.1:${port + 1}` })).toBe('endpoint_insecure');
  });

  test('a connection is kept and used again', async () => {
    const agents = guardedAgents({ policy: policy('127.0.0.1') });
    const before = connections;
    for (let time = 0; time < 3; time += 1) {
      const asked = httpRequest(`http://127.0.0.1:${port}/`, { agent: agents.http }).end();
      const [response] = (await once(asked, 'response')) as [NodeJS.ReadableStream];
      response.resume();
      await once(response, 'end');
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(connections).toBe(before + 1);
    agents.close();
  });
});

test('connections come from the ports that they are to come from, each in its turn', async () => {
  const seen: (number | undefined)[] = [];
  const server = createServer((asked, answer) => {
    seen.push(asked.socket.remotePort);
    answer.setHeader('connection', 'close');
    answer.end('reached');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const held = holdPorts(2);
  if (held === undefined) throw new Error('there are no ports');
  const agents = guardedAgents({ policy: policy('127.0.0.1'), local_ports: held });
  try {
    const place = { host: '127.0.0.1', port: (server.address() as AddressInfo).port, agent: agents.http };
    for (let count = 0; count < 2; count += 1) {
      const [answer] = await once(httpRequest(place).end(), 'response');
      await once(answer.resume(), 'end');
    }
    expect(seen).toEqual([held.first, held.last]);
  } finally {
    agents.close();
    held.close();
    server.close();
  }
});

test('TLS is checked against the name: a listed server with its certificate is reached, without it not', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'edgetap-tls-'));
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const subject = ['-subj', '/CN=storage.example', '-addext', 'subjectAltName=DNS:storage.example'];
  const made = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  execFileSync('openssl', [...made, ...subject, '-keyout', key, '-out', cert], { stdio: 'pipe' });
  const ca = readFileSync(cert, 'utf8');
  const server = createTlsServer({ key: readFileSync(key), cert: ca }, (_, response) => response.end('reached by TLS'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const tls_port = (server.address() as AddressInfo).port;
  const resolve: Resolve = (_host, _family, answer) => answer(null, [{ address: '127.0.0.1', family: 4 }]);
  const url = `https://storage.example:${tls_port}/`;
  try {
    expect(await get(url, { list: 'storage.example', resolve, ca })).toBe('reached by TLS');
    expect(await get(url, { list: 'storage.example', resolve })).toBe('DEPTH_ZERO_SELF_SIGNED_CERT');
    expect(await get(url, { list: '', resolve, ca })).toBe('endpoint_refused');
    expect(await get(`https://other.example:${tls_port}/`, { list: 'other.example', resolve, ca })).toBe(
      'ERR_TLS_CERT_ALTNAME_INVALID',
    );
  } finally {
    server.close();
    rmSync(folder, { recursive: true });
  }
});

test('the address that is really connected has the last word, before a byte goes out', async () => {
  const received: Buffer[] = [];
  const server = createTcpServer((socket) => socket.on('data', (bytes) => received.push(bytes)).on('error', () => {}));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port: tcp_port } = server.address() as AddressInfo;
  const socket = connect(tcp_port, '127.0.0.1');
  const refused: string[] = [];
  const guard = { policy: [], refused: (...told: readonly string[]) => void refused.push(told.join(' ')) };
  verifyPeer(socket, guard, { secure: true, host: 'lying.example', port: tcp_port });
  socket.write('secret');
  const [error] = (await once(socket, 'error').catch((thrown: unknown) => [thrown])) as [unknown];
  expect(error).toMatchObject({
    faults: [{ name: 'endpoint_refused', message: expect.not.stringContaining('127.0.0.1') }],
  });
  expect(refused).toEqual([`lying.example:${tcp_port} 127.0.0.1`]);
  server.close();
  await once(server, 'close');
  expect(received).toEqual([]);
});

test('where a refused name leads is for the operator alone', async () => {
  const resolve: Resolve = (_host, _family, answer) => answer(null, [{ address: '10.1.2.3', family: 4 }]);
  const refused: string[] = [];
  const agents = guardedAgents({
    policy: [],
    resolve,
    refused: (host, address) => void refused.push(`${host} ${address}`),
  });
  const asked = httpsRequest('https://internal.example/', { agent: agents.https });
  const [error] = (await once(asked, 'error')) as [Error];
  agents.close();
  expect(error).toMatchObject({ faults: [{ name: 'endpoint_refused' }] });
  expect(error.message).toContain('internal.example:443');
  expect(error.message).not.toContain('10.1.2.3');
  expect(refused).toEqual(['internal.example:443 10.1.2.3']);
});
