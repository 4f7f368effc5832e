import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freePort } from '../support/free_port.ts';
import { rawConnection } from '../support/raw_http.ts';
import { type Served, startServe } from '../support/serve.ts';
import { createCapture } from '../support/take_captures.ts';
import { waitFor } from '../support/wait_for.ts';

let served: Served;
beforeAll(async () => {
  served = await startServe({ interfaces: ['lo'], env: { EDGETAP_PIPELINED_MAX: '80' } });
});
afterAll(async () => await served?.remove());

const line = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`;

/** A figure of the metrics. */
const figure = (text: string, name: string): number =>
  Number(
    text
      .split('\n')
      .find((one) => one.startsWith(`${name} `))
      ?.slice(name.length + 1) ?? 0,
  );

test('the metrics are computed once a second at most, whoever asks how often', async () => {
  const began = performance.now();
  const texts = await Promise.all(
    Array.from({ length: 60 }, async () => await (await fetch(`${served.url}/metrics`)).text()),
  );
  const computed = new Set(texts).size;
  expect(computed).toBeLessThanOrEqual(2 + (performance.now() - began) / 1000);
});

test('what connections asked for that are closed is not made', async () => {
  const asked = 50 * 60;
  await Promise.all(
    Array.from({ length: 50 }, async () => {
      const { hostname, port } = new URL(served.url);
      const socket = connect(Number(port), hostname);
      socket.on('error', () => undefined);
      await new Promise((resolve) => socket.once('connect', resolve));
      await new Promise((resolve) => socket.write(line('/docs/errors').repeat(60), resolve));
      socket.destroy();
    }),
  );
  const name = 'edgetap_http_requests_total{method="GET",route="/docs/errors",status="200"}';
  // All that came before has been begun, once what came after is answered, and the metrics are those of after.
  const text = await waitFor(
    async () => {
      const marker = `/after-${Math.random()}`;
      await fetch(`${served.url}${marker}`);
      const found = await (await fetch(`${served.url}/metrics`)).text();
      return figure(found, 'edgetap_http_requests_total{method="GET",route="none",status="404"}') > 0 && found;
    },
    { what: 'the metrics of after' },
  );
  expect(figure(text, name)).toBeLessThan(asked / 4);
});

test('requests that are sent ahead are answered one after another, so many at most', async () => {
  const connection = rawConnection(served.url);
  connection.write(line('/healthz').repeat(60));
  expect((await connection.answers(60)).map((one) => one.status)).toEqual(Array(60).fill(200));
  connection.write(line('/healthz').repeat(200));
  const answers = await connection.closed();
  expect(answers.length).toBeLessThanOrEqual(60 + 82);
  const last = answers.at(-1);
  expect([last?.status, last?.headers['connection']]).toEqual([429, 'close']);
  expect(JSON.parse(last?.body ?? '')).toMatchObject({
    errors: [{ message: expect.stringContaining('80 requests sent ahead') }],
  });
  const metrics = await waitFor(
    async () => {
      const text = await (await fetch(`${served.url}/metrics`)).text();
      return text.includes('edgetap_limit_refused_total{limit="pipelined"} 1') && text;
    },
    { what: 'the refusal in the metrics' },
  );
  expect(metrics).toContain('edgetap_limit{limit="pipelined"} 80');
});

test('the description is the same text for everybody', async () => {
  const texts = await Promise.all(
    ['/openapi.json', '/docs/json'].map(async (path) => await (await fetch(`${served.url}${path}`)).text()),
  );
  expect(texts[0]).toBe(texts[1]);
  expect(JSON.parse(texts[0] ?? '')).toMatchObject({ openapi: '3.1.0' });
});

test('a list of one status, however deep, and the metrics take no longer with more captures', async () => {
  const { id } = await createCapture(served, { type: 'simple', time_limit: 1, packet_limit: 1 });
  const database = new DatabaseSync(join(served.data_dir, 'edgetap.sqlite'), { timeout: 10_000 });
  const columns = database
    .prepare("select name from pragma_table_info('captures') where name not in ('id', 'status', 'submitted')")
    .all()
    .map((one) => String(one['name']))
    .join(', ');
  database.exec(
    `with recursive n(i) as (select 1 union all select i + 1 from n where i < 40000)
    insert into captures (id, status, submitted, ${columns})
    select printf('%032x', i), 'failed', i, ${columns} from n, captures where captures.id = '${id}'`,
  );
  database.close();
  const failed = async (query: string): Promise<{ ids: readonly unknown[]; total: unknown }> => {
    const { body } = await served.call('GET', `/pcaps?status=failed${query}`);
    const list = body as unknown as {
      result: readonly { id: string }[];
      result_info: { total_count: number };
    };
    return { ids: list.result.map((one) => one.id), total: list.result_info.total_count };
  };
  const numbered = (from: number): readonly string[] =>
    Array.from({ length: 50 }, (_, at) => (from - at).toString(16).padStart(32, '0'));
  expect(await failed('')).toEqual({ ids: numbered(40_000), total: 40_000 });
  expect(await failed('&page=100')).toEqual({ ids: numbered(40_000 - 4950), total: 40_000 });
  expect(await failed(`&before=${numbered(101)[0]}`)).toEqual({ ids: numbered(100), total: 40_000 });
  expect((await served.call('GET', '/pcaps?status=failed&page=101')).status).toBe(400);
  await waitFor(
    async () =>
      (await (await fetch(`${served.url}/metrics`)).text()).includes(
        'edgetap_captures{type="simple",status="failed"} 40000',
      ),
    { what: 'the metrics to count them' },
  );
});

test('the metrics can have a listener and a token of their own', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'edgetap-metrics-'));
  const token_file = join(directory, 'token');
  writeFileSync(token_file, 'a-token-for-the-metrics\n', { mode: 0o600 });
  const port = await freePort();
  const other = await startServe({
    interfaces: ['lo'],
    env: { EDGETAP_METRICS_LISTEN: `127.0.0.1:${port}`, EDGETAP_METRICS_TOKEN_FILE: token_file },
  });
  try {
    expect((await fetch(`${other.url}/metrics`)).status).toBe(404);
    const url = `http://127.0.0.1:${port}/metrics`;
    const ask = async (authorization: string): Promise<Response> => await fetch(url, { headers: { authorization } });
    expect((await fetch(url)).status).toBe(401);
    expect((await ask('Bearer a-token-for-the-metricz')).status).toBe(401);
    expect((await ask(`Bearer ${other.token}`)).status).toBe(401);
    const answer = await ask('Bearer a-token-for-the-metrics');
    expect([answer.status, answer.headers.get('content-type')]).toEqual([
      200,
      'text/plain; version=0.0.4; charset=utf-8',
    ]);
    expect(await answer.text()).toContain('edgetap_http_requests_total');
    expect((await fetch(`http://127.0.0.1:${port}/openapi.json`)).status).toBe(404);
    for (const child of ['control', 'sensor'] as const) {
      const environment = readFileSync(`/proc/${other.pidOf(child)}/environ`, 'utf8');
      expect(environment).not.toContain('a-token-for-the-metrics');
    }
  } finally {
    await other.remove();
    rmSync(directory, { recursive: true });
  }
});
