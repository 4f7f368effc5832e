import { Writable } from 'node:stream';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { createApi } from '../../src/api/create_api.ts';
import { logRedaction } from '../../src/api/log_redaction.ts';
import { recorded, recordingControl, testLimits } from '../../src/api/recording_control.ts';

test('requests are logged without headers, queries, bodies or secrets of errors', async () => {
  const lines: Record<string, unknown>[] = [];
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      for (const line of chunk.toString().trim().split('\n')) lines.push(JSON.parse(line) as Record<string, unknown>);
      done();
    },
  });
  const control = recordingControl();
  const logger = pino({ ...logRedaction, level: 'debug' }, sink);
  const app = await createApi({ control, logger, version: '1', packets_max: 10_000, limits: testLimits() });
  const secret = 'S3cr3tS3cr3tS3cr3t';
  const url = `/client/v4/accounts/${recorded.account_id}/pcaps`;
  const authorization = `Bearer ${recorded.write_token}`;
  const conf = `s3://b?secret-access-key=${secret}`;
  control.answers.set('ownerships.add', () => {
    const cause = Object.assign(new Error(`PUT https://b/k?X-Amz-Signature=${secret}`), { headers: { secret } });
    throw new Error(`could not write to ${conf}`, { cause });
  });
  await app.inject({ url: `${url}?token=${secret}`, headers: { authorization } });
  await app.inject({ url: `${url}?page=1`, headers: { authorization } });
  await app.inject({ url: `/nowhere?secret-access-key=${secret}`, headers: { authorization: `Bearer ${secret}` } });
  await app.inject({ url, headers: { 'x-auth-email': 'a@b', 'x-auth-key': secret } });
  await app.inject({
    method: 'POST',
    url: `${url}/ownership`,
    headers: { authorization },
    payload: { destination_conf: conf },
  });
  await app.inject({ url: `/%zz?secret-access-key=${secret}` });
  await app.close();
  const text = JSON.stringify(lines);
  expect(text).not.toContain(secret);
  expect(text).not.toContain(recorded.write_token);
  const requests = lines.filter((line) => line['msg'] === 'request');
  expect(requests).toMatchObject([
    { level: 30, method: 'GET', url, status: 400, address: '127.0.0.1' },
    { level: 20, method: 'GET', url, status: 200, address: '127.0.0.1' },
    { level: 30, url: '/nowhere', status: 404 },
    { level: 30, url, status: 401 },
    { level: 30, method: 'POST', url: `${url}/ownership`, status: 500 },
  ]);
  const failed = lines.filter((line) => line['msg'] === 'request failed');
  expect(failed).toMatchObject([
    {
      level: 50,
      err: {
        message: 'could not write to s3://b?secret-access-key=[redacted]',
        cause: { message: 'PUT https://b/k?X-Amz-Signature=[redacted]' },
      },
    },
  ]);
  expect(failed[0]?.['reqId']).toBe(requests[4]?.['reqId']);
});
