import Cloudflare from 'cloudflare';
import Fastify from 'fastify';
import { expect, test } from 'vitest';
import { createApi } from '../../src/api/create_api.ts';
import { recorded, recordingControl, testLimits } from '../../src/api/recording_control.ts';

test('the official SDK finds the account of its token, and stops looking', async () => {
  const app = await createApi({
    control: recordingControl(),
    logger: Fastify().log,
    version: '1',
    packets_max: 10_000,
    limits: testLimits(),
  });
  const url = await app.listen({ port: 0, host: '127.0.0.1' });
  try {
    const client = new Cloudflare({ baseURL: `${url}/client/v4`, apiToken: recorded.write_token });
    const found: string[] = [];
    for await (const account of client.accounts.list()) found.push(account.id);
    expect(found).toEqual([recorded.account_id]);
    expect((await client.user.tokens.verify())?.status).toBe('active');
  } finally {
    await app.close();
  }
});
