import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request as httpsRequest } from 'node:https';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { connect as tlsConnect } from 'node:tls';
import Fastify from 'fastify';
import { afterEach, describe, expect, test } from 'vitest';
import { createApi } from './create_api.ts';
import type { ApiInstance } from './api_instance.ts';
import type { ApiOptions } from './api_options.ts';
import { downloadOf, recorded, recordingControl, testLimits } from './recording_control.ts';

let app: ApiInstance | undefined;
afterEach(async () => {
  await app?.close();
  app = undefined;
});

async function listening(over: Partial<ApiOptions> = {}): Promise<{ app: ApiInstance; port: number }> {
  const logger = Fastify().log;
  app = await createApi({
    control: recordingControl(),
    logger,
    version: '1',
    packets_max: 10_000,
    limits: testLimits(),
    ...over,
  });
  await app.listen({ port: 0, host: '127.0.0.1' });
  return { app, port: (app.server.address() as AddressInfo).port };
}

/** Longer than any test waits. */
const close_grace_ms = 3_600_000;

/** Node would cut a connection without a request some time, too. */
function cutsNoneItself({ server }: ApiInstance): void {
  server.headersTimeout = server.requestTimeout = 0;
}

/** Sends these bytes, whole, and reads until the server closes. */
async function raw(port: number, bytes: string): Promise<string> {
  const socket: Socket = connect(port, '127.0.0.1');
  socket.write(bytes);
  return await text(socket);
}

function envelopeIn(answer: string): { head: string; codes: number[] } {
  const [head = '', body = ''] = answer.split('\r\n\r\n');
  const told = JSON.parse(body) as { success: boolean; errors: { code: number }[] };
  expect(told.success).toBe(false);
  expect(head).toContain(`content-length: ${Buffer.byteLength(body)}`);
  expect(head).toContain('application/json');
  return { head, codes: told.errors.map((one) => one.code) };
}

describe('what is no HTTP request is answered with an envelope, and the connection closed', () => {
  test.each([
    ['request_malformed', 'nonsense\r\n\r\n', '400 Bad Request', 1014],
    ['request_malformed', 'GET / HTTP/1.1\r\nHost: x\r\nBad Header: 1\r\n\r\n', '400 Bad Request', 1014],
    [
      'request_malformed',
      'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n',
      '400 Bad Request',
      1014,
    ],
    [
      'headers_too_large',
      `GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`,
      '431 Request Header Fields Too Large',
      1016,
    ],
  ])('%s', async (_name, bytes, status, code) => {
    const { port } = await listening();
    const { head, codes } = envelopeIn(await raw(port, bytes));
    expect(head.startsWith(`HTTP/1.1 ${status}\r\n`)).toBe(true);
    expect(head).toContain('connection: close');
    expect(codes).toEqual([code]);
  });

  test('request_timeout', async () => {
    const { app: own, port } = await listening();
    const accepted = new Promise<Socket>((resolve) => own.server.once('connection', resolve));
    const told = raw(port, 'GET / HTTP/1.1\r\nHost:');
    // Node looks for late requests only every 30 s: say in its place that this one is late.
    const late = Object.assign(new Error('late'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' });
    own.server.emit('clientError', late, await accepted);
    const { head, codes } = envelopeIn(await told);
    expect([head.split('\r\n')[0], codes]).toEqual(['HTTP/1.1 408 Request Timeout', [1017]]);
  });
});

test('closing waits for requests, not for connections that never sent one', async () => {
  const { app: own, port } = await listening({ close_grace_ms });
  const unused = connect(port, '127.0.0.1');
  await new Promise((resolve) => unused.once('connect', resolve));
  // The server has it once it has answered one that came later.
  expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200);
  cutsNoneItself(own);
  await own.close();
  app = undefined;
  unused.destroy();
});

test('closing cuts a download that does not end by itself, after its grace', async () => {
  const control = recordingControl();
  let closed = false;
  control.answers.set('captures.download', () =>
    downloadOf(new Uint8Array(10), {
      size_bytes: 1_000_000,
      open: async () =>
        (async function* () {
          try {
            for (;;) {
              yield new Uint8Array(10);
              await new Promise((resolve) => setTimeout(resolve, 10));
            }
          } finally {
            closed = true;
          }
        })(),
    }),
  );
  const { app: own, port } = await listening({ control, close_grace_ms: 200 });
  const answer = await fetch(
    `http://127.0.0.1:${port}/client/v4/accounts/${recorded.account_id}/pcaps/${recorded.capture_id}/download`,
    { headers: { authorization: `Bearer ${recorded.read_token}` } },
  );
  const body = answer.arrayBuffer().then(
    () => 'whole',
    () => 'cut',
  );
  const started = performance.now();
  await own.close();
  app = undefined;
  expect(performance.now() - started).toBeGreaterThan(150);
  expect(await body).toBe('cut');
  await expect.poll(() => closed).toBe(true);
});

test('behind a trusted proxy the client is who the proxy says, behind another it is the proxy', async () => {
  const control = recordingControl();
  for (const [trust_proxy, address] of [
    [['127.0.0.1'], '203.0.113.9'],
    [['10.0.0.0/8'], '127.0.0.1'],
  ] as const) {
    const { port } = await listening({ control, trust_proxy });
    await fetch(`http://127.0.0.1:${port}/client/v4/accounts/${recorded.account_id}/pcaps`, {
      headers: { authorization: `Bearer ${recorded.read_token}`, 'x-forwarded-for': '198.51.100.1, 203.0.113.9' },
    });
    expect(control.calls.at(-1)?.args[0]).toMatchObject({ address });
    await app?.close();
  }
});

describe('TLS', () => {
  const folder = mkdtempSync(join(tmpdir(), 'edgetap-tls-'));
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '2'];
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-keyout',
      key,
      '-out',
      cert,
    ].concat(subject),
    { stdio: 'ignore' },
  );
  const tls = { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
  rmSync(folder, { recursive: true });

  test('speaks TLS 1.2 and newer, and tells browsers to stay with it', async () => {
    const { port } = await listening({ tls });
    const answer = await new Promise<{ status: number | undefined; hsts: unknown }>((resolve, reject) => {
      const request = httpsRequest({ host: '127.0.0.1', port, path: '/healthz', ca: tls.cert }, (incoming) => {
        incoming.resume();
        resolve({ status: incoming.statusCode, hsts: incoming.headers['strict-transport-security'] });
      });
      request.on('error', reject).end();
    });
    expect(answer).toEqual({ status: 200, hsts: 'max-age=31536000' });
    const old = tlsConnect({ host: '127.0.0.1', port, ca: tls.cert, minVersion: 'TLSv1', maxVersion: 'TLSv1.1' });
    const refusal = await new Promise<Error>((resolve) => old.once('error', resolve));
    expect(refusal.message).toMatch(/protocol|alert|version/i);
  });

  test('closing cuts unused connections only', async () => {
    const { app: own, port } = await listening({ tls, close_grace_ms });
    const unused = tlsConnect({ host: '127.0.0.1', port, ca: tls.cert });
    await new Promise((resolve) => unused.once('secureConnect', resolve));
    cutsNoneItself(own);
    await own.close();
    app = undefined;
    unused.destroy();
  });
});
