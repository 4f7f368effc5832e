import { afterAll, beforeAll, expect, test } from 'vitest';
import { catalogue } from '../../src/model/errors/catalogue.ts';
import { rawConnection } from '../support/raw_http.ts';
import { type Served, startServe } from '../support/serve.ts';

let served: Served;
beforeAll(async () => {
  served = await startServe({
    interfaces: ['lo'],
    env: { EDGETAP_PUBLIC_URL: 'https://edgetap.example:8443', EDGETAP_ALLOWED_HOSTS: 'probe.example,ams-1' },
  });
});
afterAll(async () => await served?.remove());

/** Status and code of an answer to a request with these Host headers. */
async function asked(path: string, ...hosts: readonly string[]): Promise<readonly [number | undefined, unknown]> {
  const connection = rawConnection(served.url);
  const authorization = `Authorization: Bearer ${served.token}`;
  const head = hosts.map((host) => `Host: ${host}\r\n`).join('');
  connection.write(`GET ${path} HTTP/1.1\r\n${head}${authorization}\r\nConnection: close\r\n\r\n`);
  const [answer] = await connection.closed();
  const body = (answer?.headers['content-type'] ?? '').includes('json')
    ? (JSON.parse(answer?.body ?? '{}') as { readonly errors?: readonly { readonly code: number }[] })
    : {};
  return [answer?.status, body.errors?.[0]?.code];
}

const list = (): string => `/client/v4/accounts/${served.account_id}/pcaps`;

test.each([
  ['127.0.0.1'],
  ['localhost:1234'],
  ['[::1]:80'],
  ['203.0.113.7'],
  ['edgetap.example'],
  ['Probe.Example:99'],
  ['ams-1'],
])('as %s it answers', async (host) => {
  expect(await asked(list(), host)).toEqual([200, undefined]);
});

test.each([['evil.example'], ['evil.example:8443'], ['localhost.evil.example'], ['127.0.0.1.evil.example']])(
  'a page of %s, whose name leads here, is told nothing',
  async (host) => {
    const refused = [421, catalogue.host_unknown.code];
    for (const path of [list(), '/metrics', '/openapi.json', '/docs/', '/nowhere']) {
      expect(await asked(path, host)).toEqual(refused);
    }
    expect((await asked('/healthz', host))[0]).toBe(200);
    expect((await asked('/readyz', host))[0]).toBe(200);
  },
);

test('two hosts are no request', async () => {
  expect(await asked(list(), '127.0.0.1', '127.0.0.1')).toEqual([400, catalogue.request_malformed.code]);
  expect(await asked('/healthz', 'evil.example', '127.0.0.1')).toEqual([400, catalogue.request_malformed.code]);
});

test('links lead to where clients reach it', async () => {
  const { body } = await served.call('GET', '/pcaps/nothing');
  expect(JSON.stringify(body.errors)).toContain('https://edgetap.example:8443/docs/errors#');
});

test('a client cannot tell an endpoint that it may not reach from one that is not there', async () => {
  const told = async (scheme: string, host: string): Promise<unknown> => {
    const destination_conf = `s3://bucket?region=us-east-1&endpoint=${scheme}://${host}&access-key-id=a&secret-access-key=b`;
    const { status, body } = await served.call('POST', '/pcaps/ownership', { destination_conf });
    return [status, JSON.stringify(body.errors).replaceAll(host, 'HOST')];
  };
  for (const scheme of ['https', 'http']) {
    // `localhost` leads to an address that is not allowed; a name under `invalid` leads to none (RFC 6761).
    expect(await told(scheme, 'none.invalid')).toEqual(await told(scheme, 'localhost'));
  }
});
