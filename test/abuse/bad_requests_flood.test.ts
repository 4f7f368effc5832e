import { afterAll, beforeAll, expect, test } from 'vitest';
import { rawConnection } from '../support/raw_http.ts';
import { type Served, startServe } from '../support/serve.ts';
import { waitFor } from '../support/wait_for.ts';

let served: Served;
beforeAll(async () => {
  served = await startServe({ interfaces: ['lo'], env: { EDGETAP_PIPELINED_MAX: '10000' } });
});
afterAll(async () => await served?.remove());

const pcaps = (): string => `/client/v4/accounts/${served.account_id}/pcaps`;
const authorization = (): string => `Authorization: Bearer ${served.token}`;

/** The log after this text was there, as far as it has come. */
const since = (from: number): string => served.output().slice(from);

test.each<[what: string, bytes: () => string, status: number]>([
  ['an unknown method', () => 'FROB /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n', 405],
  ['a method of no route', () => `PROPFIND ${'/x'.repeat(500)} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`, 404],
  [
    'a long part of a path',
    () => `GET ${pcaps()}/${'a'.repeat(1025)} HTTP/1.1\r\nHost: 127.0.0.1\r\n${authorization()}\r\n\r\n`,
    414,
  ],
  ['a path out of the pages', () => 'GET /docs/static/../x HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n', 404],
  ['the same, escaped', () => 'GET /docs/static/%2e%2e/%2e%2e/x HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n', 404],
  ['a page with a zero byte', () => 'GET /docs/static/%00 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n', 404],
  ['a page that is a hidden file', () => 'GET /docs/static/.git HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n', 404],
])("%s is the client's mistake, and takes one short line of the log", async (_what, bytes, status) => {
  const from = served.output().length;
  const connection = rawConnection(served.url);
  connection.write(bytes());
  const [answer] = await connection.answers(1);
  connection.socket.destroy();
  expect(answer?.status).toBe(status);
  const marker = `/after-${Math.random()}`;
  await waitFor(
    async () => {
      await fetch(`${served.url}${marker}`);
      return since(from).includes(marker);
    },
    { what: 'the log to have come so far' },
  );
  const lines = since(from)
    .split('\n')
    .filter((line) => line !== '' && !line.includes(marker));
  expect(lines.filter((line) => !line.includes('"/after-')).length).toBeLessThanOrEqual(2);
  for (const line of lines) {
    expect(line.length).toBeLessThan(1000);
    expect(line).toMatch(/"level":30/);
  }
});

test('the same mistake again and again does not fill the log', async () => {
  const from = served.output().length;
  const connection = rawConnection(served.url);
  const count = 5000;
  connection.write('GET /nowhere HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'.repeat(count));
  expect((await connection.answers(count)).length).toBe(count);
  connection.socket.destroy();
  // Once its time has passed, a line says how many there were.
  await waitFor(
    async () => {
      await fetch(`${served.url}/nowhere`);
      return /"left_out":\d/.test(since(from));
    },
    { what: 'the line that sums them up' },
  );
  expect(since(from).length).toBeLessThan(700_000);
});
