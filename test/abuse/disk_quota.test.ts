import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { edgetapProgram } from '../support/edgetap_program.ts';
import { numberedFrame } from '../../src/samples/test_frames.ts';
import { createNamespacePair, type NamespacePair } from '../support/namespace_pair.ts';
import { replayFrames } from '../support/replay_frames.ts';
import { type Envelope, type Served, startServe } from '../support/serve.ts';
import { captureBecomes, createCapture, downloadFile, provedFileBucket } from '../support/take_captures.ts';
import { waitFor } from '../support/wait_for.ts';

const results_bytes = 3_000_000;
const captures_kept = 60;
const floor_bytes = 32 << 20;
let pair: NamespacePair;
let served: Served;
let data_dir: string;
let other: string;
let other_account: string;

beforeAll(async () => {
  pair = await createNamespacePair();
  data_dir = mkdtempSync(join(tmpdir(), 'edgetap-quota-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=128m', 'edgetap-test', data_dir]);
  served = await startServe({
    interfaces: [pair.near.name],
    data_dir,
    env: {
      EDGETAP_RESULTS_BYTES: String(results_bytes),
      EDGETAP_CAPTURES_KEPT: String(captures_kept),
      EDGETAP_BUCKETS_PENDING: '5',
      EDGETAP_BUCKET_ADDS_PER_MINUTE: '40',
      EDGETAP_DISK_FREE_BYTES: String(floor_bytes),
      EDGETAP_SAMPLE_BYTES: '20000000',
      EDGETAP_SPOOL_BYTES: '20000000',
    },
  });
  const operate = (...args: string[]): string =>
    execFileSync(edgetapProgram, [...args, '--data-dir', data_dir, '--json'], { encoding: 'utf8' });
  const account = JSON.parse(operate('account', 'create', 'other', '--sensors', 'all', '--networks', 'all')) as {
    readonly id: string;
  };
  other_account = account.id;
  other = (
    JSON.parse(operate('token', 'create', '--account', account.id, '--name', 'x', '--permission', 'write')) as {
      readonly token: string;
    }
  ).token;
  replayFrames(
    pair.far,
    Array.from({ length: 5000 }, (_, index) => numberedFrame(index, 400)),
  );
});
afterAll(async () => {
  await served?.stop();
  execFileSync('umount', ['-l', data_dir]);
  await served?.remove();
  await pair?.remove();
});

/** A call of the other account. */
async function callOther(
  method: string,
  path: string,
  body?: unknown,
): Promise<{ readonly status: number; readonly headers: Headers; readonly body: Envelope }> {
  const response = await fetch(`${served.base_url}/accounts/${other_account}${path}`, {
    method,
    headers: { authorization: `Bearer ${other}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: (text === '' ? {} : JSON.parse(text)) as Envelope,
  };
}

const look = { type: 'simple', system: 'magic-transit', time_limit: 300, packet_limit: 10_000 };
const small = { ...look, packet_limit: 1 };
const told = ({ status, body }: { readonly status: number; readonly body: Envelope }): readonly unknown[] => [
  status,
  body.errors?.[0]?.code,
  body.errors?.[0]?.message,
];

test('look-backs fill the share of their account alone, in bytes and in rows; what is removed makes room', async () => {
  const made: string[] = [];
  const refused = await waitFor(
    async () => {
      const asked = await callOther('POST', '/pcaps', look);
      if (asked.status !== 200) return told(asked);
      made.push(String(asked.body.result['id']));
      await waitFor(
        async () => {
          const { body } = await callOther('GET', `/pcaps/${made.at(-1)}`);
          return ['success', 'complete'].includes(String(body.result['status']));
        },
        { what: 'the look-back to end' },
      );
      return undefined;
    },
    { what: 'a refusal' },
  );
  expect(refused).toEqual([
    429,
    1870,
    expect.stringMatching(/has 3000000 bytes of look-back results.*EDGETAP_RESULTS_BYTES/),
  ]);
  const sizes = readdirSync(join(data_dir, 'results'));
  expect(sizes.length).toBe(made.length);
  // Nobody else is held up by that.
  const { id } = await createCapture(served, look);
  await captureBecomes(served, id, ['success', 'complete']);
  expect((await downloadFile(served, id)).length).toBeGreaterThan(500_000);
  const metrics = await (await fetch(`${served.url}/metrics`)).text();
  expect(metrics).toMatch(/edgetap_limit_refused_total\{limit="results_bytes"\} 1/);
  expect(Number(/edgetap_limit_used\{limit="results_bytes"\} (\d+)/.exec(metrics)?.[1])).toBeGreaterThanOrEqual(
    results_bytes,
  );
  for (const one of made) expect((await callOther('DELETE', `/pcaps/${one}`)).status).toBe(204);
  // Small ones, up to the number of rows.
  for (let count = 0; count < captures_kept; count += 1)
    expect((await callOther('POST', '/pcaps', small)).status).toBe(200);
  const more = await callOther('POST', '/pcaps', small);
  expect(told(more)).toEqual([
    429,
    1870,
    expect.stringMatching(/has 60 captures that are kept.*EDGETAP_CAPTURES_KEPT/),
  ]);
  expect((await served.call('POST', '/pcaps', small)).status).toBe(200);
});

test('buckets: an account that is not the first stays below its own directory, not deep, not many, not often', async () => {
  const root = join(data_dir, 'buckets');
  const add = async (path: string): Promise<readonly unknown[]> =>
    told(await callOther('POST', '/pcaps/ownership', { destination_conf: `file://${root}/${path}` }));
  await provedFileBucket(served, 'mine');
  expect(await add('mine/x')).toEqual([400, 1204, expect.stringContaining(join(root, other_account))]);
  expect(await add('new')).toEqual([400, 1204, expect.any(String)]);
  expect(await add(`${other_account}/${'d/'.repeat(60)}`)).toEqual([400, 1873, expect.any(String)]);
  expect(await add(`${other_account}/${'d/'.repeat(8)}`)).toEqual([400, 1873, expect.any(String)]);
  expect(existsSync(join(root, other_account))).toBe(false);
  const all = await Promise.all(Array.from({ length: 20 }, async (_, index) => await add(`${other_account}/${index}`)));
  expect(all.filter(([status]) => status === 200)).toHaveLength(5);
  expect(all.filter(([status, code]) => status === 429 && code === 1870)).toHaveLength(15);
  expect(readdirSync(join(root, other_account))).toHaveLength(5);
  const often = await Promise.all(
    Array.from({ length: 30 }, async (_, index) => await add(`${other_account}/${index}`)),
  );
  expect(often.filter(([, code]) => code === 1872).length).toBeGreaterThan(0);
  expect(readdirSync(join(root, 'mine'))).toHaveLength(1);
  // The first account may use all of it, as ever.
  const conf = { destination_conf: `file://${root}/deep/er` };
  expect((await served.call('POST', '/pcaps/ownership', conf)).status).toBe(200);
});

test('ranges of one byte, as fast as they come, are one row of the audit a minute', async () => {
  const { id } = await createCapture(served, look);
  await captureBecomes(served, id, ['success', 'complete']);
  const url = `${served.base_url}/accounts/${served.account_id}/pcaps/${id}/download`;
  const headers = { authorization: `Bearer ${served.token}`, range: 'bytes=0-0' };
  const count = 200;
  for (let sent = 0; sent < count; sent += 4) {
    const answers = await Promise.all(Array.from({ length: 4 }, async () => await fetch(url, { headers })));
    for (const answer of answers) expect([answer.status, (await answer.text()).length]).toEqual([206, 1]);
  }
  const database = new DatabaseSync(join(data_dir, 'edgetap.sqlite'), { readOnly: true });
  const rows = (): readonly unknown[] =>
    database.prepare("select times from audit where action = 'capture.download' and subject = ?").all(id);
  await waitFor(() => (rows() as { readonly times: number }[]).reduce((sum, { times }) => sum + times, 0) === count, {
    what: 'all downloads to be written down',
  });
  // A busy machine may take more than a minute for them.
  expect(rows().length).toBeLessThanOrEqual(3);
  database.close();
});

test('with too little free, new work is refused and /readyz says so; what is there is given out', async () => {
  const { id } = await createCapture(served, small);
  await captureBecomes(served, id, ['success', 'complete']);
  const { bavail, bsize } = statfsSync(data_dir);
  mkdirSync(join(data_dir, 'filler'));
  writeFileSync(join(data_dir, 'filler/1'), Buffer.alloc(bavail * bsize - floor_bytes + (1 << 20)));
  const refused = await waitFor(
    async () => {
      const asked = await served.call('POST', '/pcaps', small);
      return asked.status === 200 ? undefined : asked;
    },
    { what: 'a refusal' },
  );
  expect(told(refused)).toEqual([
    503,
    1871,
    expect.stringMatching(/less than \d+ bytes free \(EDGETAP_DISK_FREE_BYTES\)/),
  ]);
  expect(refused.headers.get('retry-after')).toMatch(/^\d$/);
  const bucket = { destination_conf: `file://${join(data_dir, 'buckets/late')}` };
  expect(told(await served.call('POST', '/pcaps/ownership', bucket)).slice(0, 2)).toEqual([503, 1871]);
  expect(existsSync(join(data_dir, 'buckets/late'))).toBe(false);
  const ready = (await (await fetch(`${served.url}/readyz`)).json()) as { readonly reasons: readonly string[] };
  expect(JSON.stringify(ready)).toMatch(/disk.*nothing new is taken with less than/);
  expect((await downloadFile(served, id)).length).toBeGreaterThan(100);
  rmSync(join(data_dir, 'filler'), { recursive: true });
  await waitFor(async () => (await served.call('POST', '/pcaps', small)).status === 200, { what: 'room' });
});
