import { Check } from 'typebox/value';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { catalogue } from '../../src/model/errors/catalogue.ts';
import { ErrorEnvelope } from '../../src/wire/http/envelope.ts';
import { type RawAnswer, rawConnection } from '../support/raw_http.ts';
import { type Served, startServe } from '../support/serve.ts';
import { createCapture } from '../support/take_captures.ts';
import { waitFor } from '../support/wait_for.ts';

const codes: ReadonlyMap<number, string> = new Map(Object.entries(catalogue).map(([name, { code }]) => [code, name]));

let served: Served;
beforeAll(async () => {
  served = await startServe({ interfaces: ['lo'], env: { EDGETAP_ALLOWED_HOSTS: 'edgetap.example,x' } });
});
afterAll(async () => await served?.remove());

const authorization = (): string => `Authorization: Bearer ${served.token}`;
const pcaps = (): string => `/client/v4/accounts/${served.account_id}/pcaps`;

/** Status, codes and Allow of a refusal, which must be a whole envelope with an id. */
function refusal(answer: RawAnswer | undefined): readonly [status: number, name: string, allow?: string] {
  const body: unknown = JSON.parse(answer?.body ?? '');
  if (answer === undefined || !Check(ErrorEnvelope, body)) throw new Error(`no envelope: ${answer?.body}`);
  expect(answer.headers).toMatchObject({
    'content-type': 'application/json; charset=utf-8',
    'x-request-id': expect.stringMatching(/^[0-9a-f-]{36}$/),
    'cache-control': 'no-store',
  });
  for (const { message } of body.errors) expect(message).not.toMatch(/\{[a-z_]+\}|undefined|\[object/);
  const allow = answer.headers['allow'];
  const code = codes.get(body.errors[0]?.code ?? 0) ?? 'unknown';
  return allow === undefined ? [answer.status, code] : [answer.status, code, allow];
}

type Expected = readonly [status: number, name: string, allow?: string];
const host = 'Host: edgetap.example';
const get = (head: string): string => `GET /healthz HTTP/1.1\r\n${head}\r\n\r\n`;
const post = (head: string, body: string): string =>
  `POST ${pcaps()} HTTP/1.1\r\n${host}\r\n${authorization()}\r\nContent-Type: application/json\r\n${head}\r\n\r\n${body}`;
const other_methods = ['QUERY', 'PROPFIND', 'SEARCH', 'M-SEARCH', 'LINK', 'PURGE', 'TRACE', 'OPTIONS', 'PATCH'];

describe('each refusal comes in the envelope', () => {
  test.each<[what: string, bytes: () => string, expected: Expected]>([
    ...other_methods.map((method): [string, () => string, Expected] => [
      `${method} of a path that is there`,
      () => `${method} /healthz HTTP/1.1\r\n${host}\r\n\r\n`,
      [405, 'method_not_allowed', 'GET, HEAD'],
    ]),
    ...other_methods.map((method): [string, () => string, Expected] => [
      `${method} of a path that is not there, with a body of any type`,
      () => `${method} /nowhere HTTP/1.1\r\n${host}\r\nContent-Type: text/plain\r\nContent-Length: 1\r\n\r\nx`,
      [404, 'route_unknown'],
    ]),
    [
      'QUERY with a body',
      () => `QUERY ${pcaps()} HTTP/1.1\r\n${host}\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`,
      [405, 'method_not_allowed', 'GET, HEAD, POST'],
    ],
    [
      'a method that HTTP does not know',
      () => `FROBNICATE /healthz HTTP/1.1\r\n${host}\r\n\r\n`,
      [405, 'method_not_allowed', 'GET, HEAD'],
    ],
    [
      'a method in small letters',
      () => `get /healthz?x=1 HTTP/1.1\r\n${host}\r\n\r\n`,
      [405, 'method_not_allowed', 'GET, HEAD'],
    ],
    [
      'a method that HTTP does not know, of no path',
      () => `BREW /pot HTTP/1.1\r\n${host}\r\n\r\n`,
      [404, 'route_unknown'],
    ],
    ['CONNECT', () => `CONNECT edgetap.example:443 HTTP/1.1\r\n${host}\r\n\r\n`, [404, 'route_unknown']],
    [
      'a body that is too long, whole',
      () => post('Content-Length: 70000', 'x'.repeat(70_000)),
      [413, 'body_too_large'],
    ],
    ['a body that is too long, to come', () => post('Content-Length: 99999999999', ''), [413, 'body_too_large']],
    [
      'a body that is too long, in chunks',
      () => post('Transfer-Encoding: chunked', `11170\r\n${'x'.repeat(70_000)}\r\n`),
      [413, 'body_too_large'],
    ],
    ['an expectation', () => get(`${host}\r\nExpect: the-spanish-inquisition`), [417, 'expectation_failed']],
    [
      'a path of one long part',
      () => `GET ${pcaps()}/${'a'.repeat(2000)} HTTP/1.1\r\n${host}\r\n${authorization()}\r\n\r\n`,
      [414, 'target_too_long'],
    ],
    [
      'a request line that is too long',
      () => `GET /${'a'.repeat(20_000)} HTTP/1.1\r\n${host}\r\n\r\n`,
      [414, 'target_too_long'],
    ],
    ['a header that is too long', () => get(`${host}\r\nX: ${'x'.repeat(20_000)}`), [431, 'headers_too_large']],
    ['headers that are too many', () => get(`${host}\r\n${'a: b\r\n'.repeat(9000)}c: d`), [431, 'headers_too_large']],
    [
      'a chunk length that is none',
      () => post('Transfer-Encoding: chunked', 'xyz\r\n{}\r\n0\r\n\r\n'),
      [400, 'request_malformed'],
    ],
    [
      'a chunk longer than it says',
      () => post('Transfer-Encoding: chunked', '1\r\n{}\r\n0\r\n\r\n'),
      [400, 'request_malformed'],
    ],
    [
      'a later chunk that is none',
      () => post('Transfer-Encoding: chunked', '2\r\n{}\r\nnope\r\n'),
      [400, 'request_malformed'],
    ],
    [
      'chunk extensions without end',
      () => post('Transfer-Encoding: chunked', `2;${'x'.repeat(20_000)}\r\n{}\r\n0\r\n\r\n`),
      [413, 'chunk_extensions_too_long'],
    ],
    ['a transfer coding that nobody knows', () => post('Transfer-Encoding: zipped', ''), [400, 'request_malformed']],
    ['two lengths', () => post('Content-Length: 2\r\nContent-Length: 3', '{}x'), [400, 'request_malformed']],
    ['a length that is none', () => post('Content-Length: two', '{}'), [400, 'request_malformed']],
    [
      'length and chunks',
      () => post('Content-Length: 2\r\nTransfer-Encoding: chunked', '{}'),
      [400, 'request_malformed'],
    ],
    ['no host', () => 'GET /healthz HTTP/1.1\r\n\r\n', [400, 'request_malformed']],
    ['two hosts', () => get(`${host}\r\nHost: other.example`), [400, 'request_malformed']],
    ['the same host twice', () => get(`${host}\r\n${host}`), [400, 'request_malformed']],
    ['a host with a blank', () => get('Host: a b'), [400, 'request_malformed']],
    ['a host with a path', () => get('Host: a/b'), [400, 'request_malformed']],
    ['a host with a user', () => get('Host: user@a'), [400, 'request_malformed']],
    ['a host with a port that is none', () => get('Host: a:port'), [400, 'request_malformed']],
    ['a host with a port beyond all', () => get('Host: a:65536'), [400, 'request_malformed']],
    ['a host in brackets that is no address', () => get('Host: [a]'), [400, 'request_malformed']],
    ['a bad host in HTTP/1.0', () => 'GET /healthz HTTP/1.0\r\nHost: a b\r\n\r\n', [400, 'request_malformed']],
    ['HTTP/2 by surprise', () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', [505, 'http_version']],
    ['HTTP/3.7', () => 'GET /healthz HTTP/3.7\r\nHost: x\r\n\r\n', [505, 'http_version']],
    ['HTTP/0.9', () => 'GET /healthz\r\n\r\n', [505, 'http_version']],
    ['another protocol', () => 'SSH-2.0-OpenSSH_9.6\r\n\r\n', [400, 'request_malformed']],
    ['TLS', () => '\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001', [400, 'request_malformed']],
    ['a header without a colon', () => get(`${host}\r\nnonsense`), [400, 'request_malformed']],
    ['a header name with a blank', () => get(`${host}\r\na b: c`), [400, 'request_malformed']],
    ['a header value with a zero byte', () => get(`${host}\r\na: b\u0000c`), [400, 'request_malformed']],
    ['a folded header', () => get(`${host}\r\na: b\r\n c`), [400, 'request_malformed']],
    ['a line end alone', () => 'GET /healthz HTTP/1.1\nHost: x\n\n', [400, 'request_malformed']],
    ['a path with a blank', () => `GET /health z HTTP/1.1\r\n${host}\r\n\r\n`, [400, 'request_malformed']],
    ['a path without a slash', () => `GET healthz HTTP/1.1\r\n${host}\r\n\r\n`, [400, 'request_malformed']],
    [
      'a path that cannot be decoded',
      () => `GET /client/v4/%zz HTTP/1.1\r\n${host}\r\n\r\n`,
      [400, 'request_malformed'],
    ],
    [
      'an upgrade of a path that is not there',
      () => `GET /ws HTTP/1.1\r\n${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
      [404, 'route_unknown'],
    ],
    [
      'a content type that is none',
      () =>
        `POST ${pcaps()} HTTP/1.1\r\n${host}\r\n${authorization()}\r\nContent-Type: ;;\r\nContent-Length: 2\r\n\r\n{}`,
      [415, 'content_type_unsupported'],
    ],
    [
      'a body without a type',
      () => `POST ${pcaps()} HTTP/1.1\r\n${host}\r\n${authorization()}\r\nContent-Length: 2\r\n\r\n{}`,
      [415, 'content_type_unsupported'],
    ],
  ])('%s', async (_what, bytes, expected) => {
    const connection = rawConnection(served.url);
    connection.write(Buffer.from(bytes(), 'latin1'));
    const [answer] = await connection.answers(1);
    expect(refusal(answer)).toEqual(expected);
    connection.socket.destroy();
  });

  test.each([
    ['an HTTP/1.0 request, without a host', 'GET /healthz HTTP/1.0\r\n\r\n', 200],
    ['an empty host', get('Host:'), 200],
    ['a host with a port', get('Host: [::1]:8787'), 200],
    ['an absolute target', `GET http://edgetap.example/healthz HTTP/1.1\r\n${host}\r\n\r\n`, 200],
    [
      'an upgrade that is not wanted',
      get(`${host}\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk`),
      200,
    ],
    ['Expect: 100-continue', get(`${host}\r\nExpect: 100-continue`), 200],
  ])('%s is served', async (_what, bytes, status) => {
    const connection = rawConnection(served.url);
    connection.write(bytes);
    expect((await connection.answers(1)).map((one) => one.status)).toEqual([status]);
    connection.socket.destroy();
  });
});

describe('pipelined', () => {
  test('garbage after good requests is answered after them, and the connection ends', async () => {
    const connection = rawConnection(served.url);
    const list = `GET ${pcaps()} HTTP/1.1\r\n${host}\r\n${authorization()}\r\n\r\n`;
    connection.write(`${list}${list}${list}\u0001\u0002 nonsense\r\n\r\n`);
    const answers = await connection.closed();
    expect(answers.map((one) => one.status)).toEqual([200, 200, 200, 400]);
    expect(refusal(answers[3])).toEqual([400, 'request_malformed']);
  });

  test('garbage while a download runs does not get into the file', async () => {
    const made = await createCapture(served, { type: 'simple', time_limit: 60, packet_limit: 10_000 });
    const file = `${pcaps()}/${made.id}/download`;
    const head = await waitFor(
      async () => {
        const whole = await fetch(`${served.url}${file}`, { headers: { authorization: `Bearer ${served.token}` } });
        return whole.ok ? Buffer.from(await whole.arrayBuffer()) : undefined;
      },
      { what: 'the file' },
    );
    const connection = rawConnection(served.url);
    connection.write(`GET ${file} HTTP/1.1\r\n${host}\r\n${authorization()}\r\n\r\ngarbage\r\n\r\n`);
    const [download, refused] = await connection.closed();
    expect(Buffer.from(download?.body ?? '', 'latin1').equals(head)).toBe(true);
    expect(refusal(refused)).toEqual([400, 'request_malformed']);
  });

  test('a refusal while an answer is being made waits for it', async () => {
    const connection = rawConnection(served.url);
    const ask = JSON.stringify({ type: 'simple', system: 'magic-transit', time_limit: 60, packet_limit: 10 });
    connection.write(post(`Content-Length: ${ask.length}`, ask).replace('/pcaps ', '/pcaps/estimate '));
    connection.write('garbage\r\n\r\n');
    expect((await connection.closed()).map((one) => one.status)).toEqual([200, 400]);
  });

  test('a broken body is answered in its turn', async () => {
    const connection = rawConnection(served.url);
    connection.write(`${get(host)}${post('Transfer-Encoding: chunked', '2\r\n{}\r\nnope\r\n')}`);
    const answers = await connection.closed();
    expect(answers.map((one) => one.status)).toEqual([200, 400]);
    expect(refusal(answers[1])).toEqual([400, 'request_malformed']);
  });

  test('a good request after a refusal is served', async () => {
    const connection = rawConnection(served.url);
    connection.write(`QUERY /healthz HTTP/1.1\r\n${host}\r\n\r\n${get(host)}`);
    expect((await connection.answers(2)).map((one) => one.status)).toEqual([405, 200]);
    connection.socket.destroy();
  });
});

describe('a client that leaves', () => {
  const errors = (): readonly string[] =>
    served
      .output()
      .split('\n')
      .filter((line) => /"level":(40|50|60)/.test(line));

  test.each([
    ['in mid-body', () => post('Content-Length: 1000', '{"type":')],
    ['in mid-chunk', () => post('Transfer-Encoding: chunked', 'ff\r\n{"type":')],
    ['in mid-headers', () => `POST ${pcaps()} HTTP/1.1\r\nHost: edge`],
    [
      'in mid-body of a stop',
      () =>
        `PUT ${pcaps()}/${'0'.repeat(32)}/stop HTTP/1.1\r\n${host}\r\n${authorization()}\r\nContent-Length: 99\r\n\r\nx`,
    ],
    [
      'in mid-body of a path that is not there',
      () => `POST /nope HTTP/1.1\r\n${host}\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{`,
    ],
    [
      'before its answer',
      () =>
        post(
          'Content-Length: 80',
          JSON.stringify({ type: 'simple', system: 'magic-transit', time_limit: 1, packet_limit: 1 }).padEnd(80),
        ),
    ],
    [
      'before its estimate',
      () =>
        post(
          'Content-Length: 80',
          JSON.stringify({ type: 'simple', system: 'magic-transit', time_limit: 1, packet_limit: 1 }).padEnd(80),
        ).replace('/pcaps ', '/pcaps/estimate '),
    ],
  ])('%s is no error of ours in the log', async (_what, bytes) => {
    for (const leave of ['end', 'resetAndDestroy'] as const) {
      const before = errors().length;
      const connection = rawConnection(served.url);
      connection.write(bytes());
      await new Promise((resolve) => connection.socket.write('', resolve));
      // It has come to the server once an answer to what was sent later is here.
      expect((await fetch(`${served.url}/healthz`)).status).toBe(200);
      connection.socket[leave]();
      const marker = `/left-${Math.random()}`;
      await waitFor(
        async () => {
          await fetch(`${served.url}${marker}`);
          return served.output().includes(marker);
        },
        { what: 'the log to have come so far' },
      );
      expect(errors().slice(before)).toEqual([]);
      connection.socket.destroy();
    }
  });

  test('is told that its request was not whole, where it still listens', async () => {
    const connection = rawConnection(served.url);
    connection.write(post('Content-Length: 1000', '{"type":'));
    connection.socket.end();
    expect((await connection.closed()).map(refusal)).toEqual([[400, 'request_malformed']]);
  });
});

test('a client that sends much more than is read gets its refusal all the same', async () => {
  for (let round = 0; round < 20; round += 1) {
    const connection = rawConnection(served.url);
    connection.write(post('Content-Length: 20000000', ''));
    connection.write(Buffer.alloc(20_000_000, 'x'));
    expect((await connection.answers(1)).map(refusal)).toEqual([[413, 'body_too_large']]);
    connection.socket.destroy();
  }
});

test('a connection that is refused ends, though its client keeps it open and goes on sending', async () => {
  const connection = rawConnection(served.url);
  connection.write('nonsense\r\n\r\n');
  const sending = setInterval(() => connection.write('more nonsense\r\n'), 20);
  await waitFor(() => connection.socket.destroyed || connection.socket.readableEnded, {
    what: 'the end',
  });
  clearInterval(sending);
  connection.socket.destroy();
});

test('every route refuses a query parameter that it does not have', async () => {
  const document = (await (await fetch(`${served.url}/openapi.json`)).json()) as {
    paths: Record<string, Record<string, { parameters?: readonly { in: string; name: string }[] }>>;
  };
  const routes = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => [method.toUpperCase(), path] as const),
  );
  expect(routes.length).toBeGreaterThan(12);
  for (const [method, path] of routes) {
    const there = path.replace('{account_id}', served.account_id).replace(/\{\w+\}/g, '0'.repeat(32));
    const answer = await fetch(`${served.url}${there}?nothing=1`, {
      method,
      headers: { authorization: `Bearer ${served.token}` },
    });
    expect([method, path, answer.status, await answer.json()]).toMatchObject([
      method,
      path,
      400,
      { success: false, errors: [{ source: { pointer: '/nothing' } }] },
    ]);
  }
});
