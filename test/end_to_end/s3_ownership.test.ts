import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { edgetapProgram } from '../support/edgetap_program.ts';
import { filesWith } from '../support/find_text.ts';
import { createNamespacePair, type NamespacePair } from '../support/namespace_pair.ts';
import { proveS3Bucket, type S3Owner, startS3Owner } from '../support/s3_owner.ts';
import { type Served, startServe } from '../support/serve.ts';
import { captureBecomes, createCapture, downloadFile, stopCapture } from '../support/take_captures.ts';
import { waitFor } from '../support/wait_for.ts';

const run = promisify(execFile);
let owner: S3Owner;
let pair: NamespacePair;
let served: Served;
/** All that any edgetap of this file has said. */
let output = '';

const serve = async (data_dir?: string): Promise<void> => {
  served = await startServe({
    interfaces: [pair.near.name],
    env: { EDGETAP_ALLOW_ENDPOINTS: new URL(owner.rgw.endpoint).host, EDGETAP_LOG_LEVEL: 'trace' },
    ...(data_dir === undefined ? {} : { data_dir }),
  });
};

beforeAll(async () => {
  [owner, pair] = await Promise.all([startS3Owner(), createNamespacePair()]);
  await serve();
});
afterAll(async () => {
  await served?.remove();
  await pair?.remove();
  await owner?.stop();
});

type Answer = Awaited<ReturnType<Served['call']>>;

const add = (destination_conf: string): Promise<Answer> =>
  served.call('POST', '/pcaps/ownership', { destination_conf });
const validate = (destination_conf: string, ownership_challenge: string): Promise<Answer> =>
  served.call('POST', '/pcaps/ownership/validate', { destination_conf, ownership_challenge });
const full = (destination_conf: string): Record<string, unknown> => ({
  type: 'full',
  colo_name: 'lab01',
  time_limit: 3600,
  destination_conf,
});

describe('the ownership of a bucket', () => {
  let uri: string;
  let conf: string;

  test('is added: the challenge is in the bucket, and the secrets are in no answer', async () => {
    await owner.makeBucket('proved');
    uri = owner.uri('proved');
    const { status, body } = await add(uri);
    conf = `s3://proved/dir?region=${owner.rgw.region}&endpoint=${owner.rgw.endpoint}`;
    const id = String(body.result['id']);
    expect({ status, result: body.result }).toEqual({
      status: 200,
      result: {
        id: expect.stringMatching(/^[0-9a-f]{32}$/),
        destination_conf: conf,
        filename: `ownership-challenge-${id}.txt`,
        status: 'pending',
        submitted: expect.any(String),
      },
    });
    expect(await owner.keys('proved')).toEqual([`dir/ownership-challenge-${id}.txt`]);
    expect((await owner.read('proved', `dir/ownership-challenge-${id}.txt`)).toString()).toMatch(/^[0-9a-f]{64}$/);
  });

  test('pending, it takes no capture', async () => {
    const { status, body } = await served.call('POST', '/pcaps', { system: 'magic-transit', ...full(conf) });
    expect(status).toBe(400);
    expect(body.errors).toMatchObject([{ source: { pointer: '/destination_conf' } }]);
  });

  test('added again before it is proved, it has a new challenge, and the old one is worth nothing', async () => {
    const [key = ''] = await owner.keys('proved');
    const before = (await owner.read('proved', key)).toString();
    expect((await add(uri)).status).toBe(200);
    const after = (await owner.read('proved', key)).toString();
    expect(after).not.toBe(before);
    expect(await validate(conf, before)).toMatchObject({ status: 400, body: { errors: [{ code: 1208 }] } });
  });

  test.each([
    ['something else', 'f'.repeat(64), 1208],
    ['the name of the file', '', 1209],
  ])('is not proved by %s', async (_, sent, code) => {
    const [key = ''] = await owner.keys('proved');
    const { status, body } = await validate(conf, sent === '' ? key.slice(4) : sent);
    expect(status).toBe(400);
    expect(body.errors).toMatchObject([{ code, source: { pointer: '/ownership_challenge' } }]);
    const listed = await served.call('GET', '/pcaps/ownership');
    expect(listed.body.result).toMatchObject([{ status: 'pending' }]);
  });

  test('is proved by the content, with the secrets in the URI or without, and stays so', async () => {
    const [key = ''] = await owner.keys('proved');
    const challenge = (await owner.read('proved', key)).toString();
    for (const written of [uri, conf]) {
      expect(await validate(written, `${challenge}\n`)).toMatchObject({
        status: 200,
        body: { result: { destination_conf: conf, status: 'success', validated: expect.any(String) } },
      });
    }
    expect(await add(uri)).toMatchObject({
      status: 409,
      body: { errors: [{ code: 1216, source: { pointer: '/destination_conf' } }] },
    });
  });

  test('names its bucket without secrets in captures too', async () => {
    const capture = await createCapture(served, full(uri));
    expect(capture['destination_conf']).toBe(conf);
    await stopCapture(served, capture.id);
    await captureBecomes(served, capture.id, ['success']);
  });
});

describe('a bucket that cannot be written is said so, and not kept', () => {
  test.each([
    ['no such bucket', () => owner.uri('no-such-bucket'), /does not exist/],
    [
      'a wrong secret',
      () =>
        owner.uri('proved', {
          directory: 'other',
          user: { ...owner.rgw.owner, secret_access_key: 'wrong-wJalrXUtnFEMI' },
        }),
      /SignatureDoesNotMatch/,
    ],
    [
      'an unknown key',
      () =>
        owner.uri('proved', {
          directory: 'other',
          user: { access_key_id: 'UNKNOWNKEY', secret_access_key: 'wrong-wJalrXUtnFEMI' },
        }),
      /InvalidAccessKeyId/,
    ],
  ])('%s', async (_, uri, reason) => {
    const before = (await served.call('GET', '/pcaps/ownership')).body.result;
    const { status, body } = await add(uri());
    expect(status).toBe(400);
    expect(body.errors).toMatchObject([
      { code: 1207, message: expect.stringMatching(reason), source: { pointer: '/destination_conf' } },
    ]);
    expect(JSON.stringify(body)).not.toMatch(/wJalrXUtnFEMI|UNKNOWNKEY/);
    expect((await served.call('GET', '/pcaps/ownership')).body.result).toEqual(before);
  });
});

test('a body that is cut off is refused without repeating it', async () => {
  const response = await fetch(`${served.base_url}/accounts/${served.account_id}/pcaps/ownership`, {
    method: 'POST',
    headers: { authorization: `Bearer ${served.token}`, 'content-type': 'application/json' },
    body: `{"destination_conf":"${owner.uri('proved')}"`,
  });
  expect(response.status).toBe(400);
  expect(await response.text()).not.toContain(owner.rgw.owner.secret_access_key);
});

describe('removing a bucket', () => {
  test('has to wait for the captures that use it; after it, edgetap does not open it any more', async () => {
    await owner.makeBucket('removed');
    const { id, destination_conf } = await proveS3Bucket(served, owner, 'removed');
    const capture = await createCapture(served, full(destination_conf));
    await captureBecomes(served, capture.id, ['running']);
    const remove = (): Promise<Answer> => served.call('DELETE', `/pcaps/ownership/${id}`);
    const refused = await remove();
    expect(refused.status).toBe(409);
    expect(refused.body.errors).toMatchObject([{ code: 1210, message: expect.stringContaining(capture.id) }]);
    await stopCapture(served, capture.id);
    await captureBecomes(served, capture.id, ['success']);
    expect(await downloadFile(served, capture.id)).toHaveLength(24);
    expect((await remove()).status).toBe(204);
    expect((await remove()).status).toBe(404);
    const gone = await served.call('GET', `/pcaps/${capture.id}/download`);
    expect(gone.status).toBe(502);
    expect(gone.body.errors).toMatchObject([{ code: 1214, message: expect.stringContaining('was removed') }]);
    expect(await served.call('POST', '/pcaps', { system: 'magic-transit', ...full(destination_conf) })).toMatchObject({
      status: 400,
      body: { errors: [{ source: { pointer: '/destination_conf' } }] },
    });
    // What was delivered is its owner's.
    expect(await owner.keys('removed')).toContain(`dir/pcap_${capture.id}.pcap`);
  });
});

describe('a download whose bucket fails', () => {
  test('says why: gone, and out of reach', async () => {
    await owner.makeBucket('vanishing');
    const { destination_conf } = await proveS3Bucket(served, owner, 'vanishing');
    const { id } = await createCapture(served, full(destination_conf));
    await captureBecomes(served, id, ['running']);
    await stopCapture(served, id);
    await captureBecomes(served, id, ['success']);
    await owner.removeBucket('vanishing');
    const download = (): Promise<Answer> => served.call('GET', `/pcaps/${id}/download`);
    const gone = await download();
    expect(gone.status).toBe(502);
    expect(gone.body.errors).toMatchObject([{ code: 1214, message: expect.stringContaining('does not exist') }]);
    await owner.rgw.kill();
    const away = await download();
    await owner.rgw.restart();
    expect(away.status).toBe(502);
    expect(away.body.errors).toMatchObject([{ code: 1214, message: expect.stringContaining('nothing listens there') }]);
  });
});

describe('the key file', () => {
  test('is rotated: what was sealed before still delivers, sealed anew, and the old key can go', async () => {
    const { data_dir } = served;
    const sealed = (): string[] => {
      const database = new DatabaseSync(join(data_dir, 'edgetap.sqlite'), { readOnly: true });
      try {
        const rows = database.prepare('select sealed from ownerships where sealed is not null').all();
        return rows.map((row) => String(row['sealed']));
      } finally {
        database.close();
      }
    };
    const keyIds = (): Set<string> => new Set(sealed().map((text) => text.split('.')[1] ?? ''));
    const before = keyIds();
    expect(before.size).toBe(1);
    output += served.output();
    expect(await served.stop()).toBe(0);
    const rotated = await run(edgetapProgram, ['key', 'rotate', '--data-dir', data_dir]);
    output += rotated.stdout + rotated.stderr;
    await serve(data_dir);
    const after = keyIds();
    expect(after.size).toBe(1);
    expect([...after]).not.toEqual([...before]);
    const conf = `s3://proved/dir?region=${owner.rgw.region}&endpoint=${owner.rgw.endpoint}`;
    const { id } = await createCapture(served, full(conf));
    await captureBecomes(served, id, ['running']);
    await stopCapture(served, id);
    await captureBecomes(served, id, ['success']);
    expect(await owner.keys('proved')).toContain(`dir/pcap_${id}.pcap`);
    const keys = readFileSync(join(data_dir, 'secret.key'), 'utf8')
      .split('\n')
      .filter((line) => /^[^#]/.test(line));
    expect(keys).toHaveLength(2);
    await waitFor(() => sealed().every((text) => text.startsWith(`1.${[...after][0]}.`)), {
      what: 'all to be sealed anew',
    });
  });
});

test('no secret, and no challenge, is in any file or line of output, however much is logged', async () => {
  const challenges = await Promise.all(
    (await owner.keys('proved'))
      .filter((key) => key.includes('challenge'))
      .map(async (key) => (await owner.read('proved', key)).toString()),
  );
  expect(challenges).toHaveLength(1);
  const { secret_access_key, access_key_id } = owner.rgw.owner;
  const secrets = [secret_access_key, access_key_id, 'wJalrXUtnFEMI', 'UNKNOWNKEY', 'X-Amz-Signature', ...challenges];
  output += served.output();
  for (const secret of secrets) expect(output).not.toContain(secret);
  expect(filesWith(served.data_dir, secrets)).toEqual([]);
});
