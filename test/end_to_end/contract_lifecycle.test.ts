import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { listAudit } from '../../src/db/audit.ts';
import { openDatabase } from '../../src/db/open_database.ts';
import { listTokens } from '../../src/db/tokens.ts';
import { databasePath } from '../../src/main/operator_command.ts';
import { createNamespacePair, type NamespacePair } from '../support/namespace_pair.ts';
import { parsePcap } from '../support/packet_samples.ts';
import { replayFrames } from '../support/replay_frames.ts';
import { type Envelope, type Served, startServe } from '../support/serve.ts';
import {
  captureBecomes,
  createCapture,
  deliveredFile,
  downloadFile,
  provedFileBucket,
  type ShownCapture,
  showCapture,
} from '../support/take_captures.ts';
import { waitFor } from '../support/wait_for.ts';
import { numbered, numberOf } from './contract/frames.ts';

/** The contract over the life of an edgetap: TLS behind a proxy, a shutdown, a start after it, the end of what is kept. */
let pair: NamespacePair;
let first: Served | undefined;
let second: Served | undefined;
const folder = mkdtempSync(join(tmpdir(), 'edgetap-contract-'));
const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];

beforeAll(async () => {
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1'];
  execFileSync('openssl', ['req', '-x509', '-keyout', key, '-out', cert, ...curve, ...names], { stdio: 'ignore' });
  pair = await createNamespacePair();
  first = await startServe({
    interfaces: [pair.near.name],
    env: {
      EDGETAP_TLS_CERT: cert,
      EDGETAP_TLS_KEY: key,
      EDGETAP_TRUST_PROXY: '127.0.0.0/8',
      EDGETAP_KEEP_DAYS: '1',
    },
  });
});
afterAll(async () => {
  await first?.remove();
  await second?.remove();
  await pair?.remove();
  rmSync(folder, { recursive: true, force: true });
});

/** One API call over TLS, through a proxy that says where it comes from. */
async function ask(
  served: Served,
  method: string,
  path: string,
  body?: unknown,
): Promise<{ status: number | undefined; headers: IncomingHttpHeaders; body: Envelope }> {
  return await new Promise((resolve, reject) => {
    const asking = request(
      `${served.base_url}/accounts/${served.account_id}${path}`,
      {
        method,
        ca: readFileSync(cert),
        headers: {
          authorization: `Bearer ${served.token}`,
          'x-forwarded-for': '203.0.113.9',
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
      },
      (answer) => {
        const read = answer.statusCode === 204 ? Promise.resolve({}) : json(answer);
        read.then(
          (said) => resolve({ status: answer.statusCode, headers: answer.headers, body: said as Envelope }),
          reject,
        );
      },
    );
    asking.on('error', reject).end(body === undefined ? undefined : JSON.stringify(body));
  });
}

function served(): Served {
  const now = second ?? first;
  if (now === undefined) throw new Error('it has not begun');
  return now;
}

const made = { simple: '', kept: '', cut: '', expired: '' };
let destination_conf = '';

test('speaks TLS and nothing else; a trusted proxy says who the client is', async () => {
  const tls = served();
  expect(tls.url).toMatch(/^https:/);
  // The helpers that prove a bucket and take captures speak through this from here on.
  const through: Served = {
    ...tls,
    call: async (method, path, body) => {
      const { status, headers, body: said } = await ask(tls, method, path, body);
      return { status: status ?? 0, headers: new Headers(headers as Record<string, string>), body: said };
    },
  };
  destination_conf = await provedFileBucket(through);
  const full = { type: 'full', time_limit: 600, colo_name: 'lab01', destination_conf };
  const created = await ask(tls, 'POST', '/pcaps', { system: 'magic-transit', ...full });
  expect([created.status, created.headers['strict-transport-security']]).toEqual([200, 'max-age=31536000']);
  made.expired = String(created.body.result['id']);
  await captureBecomes(through, made.expired, ['running']);
  await ask(tls, 'PUT', `/pcaps/${made.expired}/stop`);
  // Sampling has to have gone on for the second that they look back over.
  const lookBack = async (): Promise<ShownCapture> => {
    const { id } = await createCapture(through, { type: 'simple', time_limit: 1, packet_limit: 1 });
    return await captureBecomes(through, id, ['success', 'complete']);
  };
  await waitFor(async () => (await lookBack()).status === 'success', { what: 'a second of samples', every_ms: 200 });
  for (const name of ['simple', 'kept'] as const) {
    const { id, status } = await lookBack();
    expect(status).toBe('success');
    made[name] = id;
  }
  await captureBecomes(through, made.expired, ['success']);
  const db = await openDatabase({ url: `sqlite:${databasePath(tls.data_dir)}` });
  const rows = await listAudit(db, tls.account_id, 1);
  await db.close();
  expect(rows).toMatchObject([{ action: 'capture.create', address: '203.0.113.9' }]);
  await expect(fetch(tls.url.replace('https:', 'http:'))).rejects.toThrow('fetch failed');

  // What runs when it is told to end.
  made.cut = (await createCapture(through, full)).id;
  await captureBecomes(through, made.cut, ['running']);
  replayFrames(
    pair.far,
    [1, 2, 3].map((number) => numbered(number)),
  );
  await waitFor(async () => (await showCapture(through, made.cut))['packets_captured'] === 3, { what: 'the packets' });
});

test('SIGTERM ends it in order: 0, and captures with all that they have', async () => {
  const ending = served();
  expect(await ending.stop()).toBe(0);
  const file = parsePcap(deliveredFile(destination_conf, made.cut));
  expect(file.packets.map((packet) => numberOf(packet.data))).toEqual([1, 2, 3]);
});

test('started again, it has everything; a capture that was ended is complete and says why', async () => {
  const { data_dir } = served();
  // Two days go by for these, of the one that they are kept.
  const database = new DatabaseSync(databasePath(data_dir));
  const [ended, submitted] = ['ended_at', 'submitted'].map((column) => `${column} = ${column} - 172800000000000`);
  const aged = database
    .prepare(`update captures set ${ended}, ${submitted} where id in (?, ?)`)
    .run(made.simple, made.expired);
  database.close();
  expect(aged.changes).toBe(2);
  expect(existsSync(join(data_dir, 'results', `pcap_${made.simple}.pcap`))).toBe(true);

  second = await startServe({ interfaces: [pair.near.name], data_dir, env: { EDGETAP_KEEP_DAYS: '1' } });
  const cut = await showCapture(second, made.cut);
  expect(cut).toMatchObject({ status: 'complete', packets_captured: 3, packets_dropped: 0 });
  expect(cut['error_message']).toMatch(/^edgetap was shut down/);
  expect(cut['sensors']).toMatchObject([{ status: 'done', packets: 3, stop_reason: 'shutdown' }]);
  expect(cut).not.toHaveProperty('stop_requested');
  expect(parsePcap(await downloadFile(second, made.cut)).packets).toHaveLength(3);
});

test('what is older than it is kept is gone, with its file; objects in buckets stay', async () => {
  const now = served();
  for (const id of [made.simple, made.expired]) {
    await waitFor(async () => (await now.call('GET', `/pcaps/${id}`)).status === 404, { what: 'the row is gone' });
    expect((await now.call('GET', `/pcaps/${id}/download`)).status).toBe(404);
  }
  expect(existsSync(join(now.data_dir, 'results', `pcap_${made.simple}.pcap`))).toBe(false);
  expect(deliveredFile(destination_conf, made.expired).length).toBeGreaterThan(0);
  expect((await showCapture(now, made.kept)).status).toBe('success');
  expect((await downloadFile(now, made.kept)).length).toBeGreaterThan(0);
  const db = await openDatabase({ url: `sqlite:${databasePath(now.data_dir)}` });
  const expired = (await listAudit(db, now.account_id, 100)).filter((row) => row.action === 'capture.expire');
  const tokens = await listTokens(db, now.account_id);
  await db.close();
  expect(new Map(expired.map((row) => [row.subject, row.principal_id]))).toEqual(
    new Map([made.simple, made.expired].map((id) => [id, 'edgetap'])),
  );
  // When it ended, it wrote down when tokens were used last.
  expect(tokens.map((token) => token.last_used !== undefined)).toEqual([true]);
});
