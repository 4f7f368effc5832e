import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { ContractWorld } from './contract_world.ts';

const moment = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;

/** Buckets: added, proved, listed, removed. */
export function bucketsContract(world: () => ContractWorld): void {
  describe('a bucket', () => {
    let about = { account: '', as: '' };
    let directory = '';
    beforeAll(async () => {
      const { edgetap, token, served } = world();
      const account = await edgetap('account', 'create', 'buckets', '--sensors', 'all', '--networks', 'all');
      about = { account, as: await token('write', account) };
      directory = join(served.data_dir, 'buckets', account, 'own');
    });
    const list = async (): Promise<readonly Record<string, unknown>[]> =>
      (await world().ask('GET', '/pcaps/ownership', about)).body.result as unknown as Record<string, unknown>[];

    test('is added with a challenge, proved by its content alone, and removed', async () => {
      const { ask } = world();
      expect(await list()).toEqual([]);
      const destination_conf = `file://${directory}`;
      const added = await ask('POST', '/pcaps/ownership', {
        ...about,
        body: { destination_conf: `${destination_conf}/` },
      });
      const bucket = added.body.result;
      const id = String(bucket['id']);
      expect(bucket).toEqual({
        id: expect.stringMatching(/^[0-9a-f]{32}$/) as string,
        destination_conf,
        filename: `ownership-challenge-${id}.txt`,
        status: 'pending',
        submitted: expect.stringMatching(moment) as string,
      });
      const content = readFileSync(join(directory, `ownership-challenge-${id}.txt`), 'utf8');
      expect(content.trim().length).toBeGreaterThanOrEqual(32);
      const prove = async (ownership_challenge: string) =>
        await ask('POST', '/pcaps/ownership/validate', { ...about, body: { destination_conf, ownership_challenge } });
      for (const [challenge, code] of [
        [`${content.slice(0, -1)}x`, 1208],
        [`ownership-challenge-${id}.txt`, 1209],
        [join(directory, `ownership-challenge-${id}.txt`), 1209],
      ] as const) {
        const wrong = await prove(challenge);
        expect([wrong.status, wrong.errors]).toEqual([400, [[code, '/ownership_challenge']]]);
        expect(wrong.body.errors[0]?.message).toContain(code === 1209 ? 'send its content' : 'what is in it');
        expect(await list()).toEqual([bucket]);
      }
      const proved = await prove(content);
      expect(proved.body.result).toEqual({
        ...bucket,
        status: 'success',
        validated: expect.stringMatching(moment) as string,
      });
      expect((await prove(content)).body.result).toEqual(proved.body.result);
      const twice = await ask('POST', '/pcaps/ownership', { ...about, body: { destination_conf } });
      expect([twice.status, twice.errors]).toEqual([409, [[1216, '/destination_conf']]]);
      expect(twice.headers.get('x-should-retry')).toBe('false');

      const other = await ask('POST', '/pcaps/ownership', {
        ...about,
        body: { destination_conf: `${destination_conf}2` },
      });
      expect(await list()).toEqual([other.body.result, proved.body.result]);

      const json = { 'content-type': 'application/json' };
      const removed = await ask('DELETE', `/pcaps/ownership/${id}`, { ...about, headers: json });
      expect([removed.status, removed.bytes.length]).toEqual([204, 0]);
      expect(await list()).toEqual([other.body.result]);
      const again = await ask('DELETE', `/pcaps/ownership/${id}`, about);
      expect([again.status, again.errors]).toEqual([404, [[1003, undefined]]]);
      expect(existsSync(directory)).toBe(true);
    });

    test('is not removed while a capture uses it', async () => {
      const { ask, bucket, create, becomes } = world();
      const destination_conf = await bucket('used', about);
      const { id: capture } = await create(
        { type: 'full', time_limit: 60, colo_name: 'lab01', destination_conf },
        about,
      );
      const id = String((await list())[0]?.['id']);
      const refused = await ask('DELETE', `/pcaps/ownership/${id}`, about);
      expect([refused.status, refused.errors]).toEqual([409, [[1210, undefined]]]);
      expect(refused.body.errors[0]?.message).toContain(capture);
      expect(refused.headers.get('x-should-retry')).toBe('false');
      await ask('PUT', `/pcaps/${capture}/stop`, about);
      await becomes(capture, ['success'], about);
      expect((await ask('DELETE', `/pcaps/ownership/${id}`, about)).status).toBe(204);
      // What was delivered is there, and edgetap has no key to it any more.
      const gone = await ask('GET', `/pcaps/${capture}/download`, about);
      expect([gone.status, gone.errors]).toEqual([502, [[1214, undefined]]]);
    });

    test('has no secret in any answer, log line or error', async () => {
      const { ask, served } = world();
      const [key, secret] = ['AKIAFORNOBODY', 'a-secret-that-nobody-may-read'];
      const keys = `access-key-id=${key}&secret-access-key=${secret}`;
      const refusals = [
        `s3://captures?region=us-east-1&endpoint=https://127.0.0.1:1&${keys}`,
        `s3://captures?endpoint=https://10.0.0.1&${keys}&typo=1`,
        `r2://captures?account-id=x&${keys}`,
        `ftp://captures?${keys}`,
      ];
      for (const destination_conf of refusals) {
        for (const [path, body] of [
          ['/pcaps/ownership', { destination_conf }],
          ['/pcaps/ownership/validate', { destination_conf, ownership_challenge: secret }],
          ['/pcaps', { type: 'full', system: 'magic-transit', time_limit: 1, colo_name: 'lab01', destination_conf }],
        ] as const) {
          const refused = await ask('POST', path, { ...about, body });
          expect(refused.status).toBe(400);
          expect(refused.bytes.toString()).not.toContain(key);
          expect(refused.bytes.toString()).not.toContain(secret);
        }
      }
      expect(served.output()).not.toContain(secret);
    });
  });
}
