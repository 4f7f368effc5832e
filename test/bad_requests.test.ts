import { Check } from 'typebox/value';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { catalogue } from '../src/model/errors/catalogue.ts';
import { ErrorEnvelope } from '../src/wire/http/envelope.ts';
import type { BadRequest } from './bad_requests/bad_request.ts';
import { bodies } from './bad_requests/bodies.ts';
import { buckets } from './bad_requests/buckets.ts';
import { captureFields } from './bad_requests/capture_fields.ts';
import { credentials } from './bad_requests/credentials.ts';
import { estimates } from './bad_requests/estimates.ts';
import { filters } from './bad_requests/filters.ts';
import { otherAccounts } from './bad_requests/other_accounts.ts';
import { pathsAndIds } from './bad_requests/paths_and_ids.ts';
import { send } from './bad_requests/send.ts';
import { type ServedWorld, servedWorld } from './bad_requests/world.ts';

const table: readonly BadRequest[] = [
  ...credentials,
  ...otherAccounts,
  ...pathsAndIds,
  ...bodies,
  ...captureFields,
  ...filters,
  ...estimates,
  ...buckets,
];
const statusOf: ReadonlyMap<number, number> = new Map(
  Object.values(catalogue).map(({ code, status }) => [code, status]),
);

let world: ServedWorld;
beforeAll(async () => {
  world = await servedWorld();
});
afterAll(async () => await world?.served.remove());

test('the table is as long as it should be, and every row is a test of its own', () => {
  expect(table.length).toBeGreaterThanOrEqual(80);
  expect(new Set(table.map((one) => one.what)).size).toBe(table.length);
});

test.each(table.map((one) => [one.what, one] as const))('%s', async (_what, bad) => {
  const { served, values } = world;
  const answer = await send(served.url, bad, values);
  const body: unknown = JSON.parse(answer.text);
  if (!Check(ErrorEnvelope, body)) throw new Error(`no envelope: ${answer.text}`);
  const told = body.errors.map(({ code, source }) => (source?.pointer === undefined ? [code] : [code, source.pointer]));
  expect([answer.status, told], answer.text).toEqual([bad.status, bad.errors]);
  expect(answer.headers).toMatchObject({
    'content-type': 'application/json; charset=utf-8',
    'x-should-retry': 'false',
    'x-request-id': expect.stringMatching(/^[0-9a-f-]{36}$/),
  });
  // The status is that of the first error, and no message has a hole in it.
  expect(statusOf.get(body.errors[0]?.code ?? 0)).toBe(answer.status);
  for (const { message } of body.errors) expect(message).not.toMatch(/\{[a-z_]+\}|undefined|\[object/);
});

test('nothing was made, nothing fell over, and no secret reached the log', async () => {
  const { served, values } = world;
  const list = await served.call('GET', '/pcaps');
  expect(list.status).toBe(200);
  expect(list.body).toMatchObject({ result_info: { total_count: 2 } });
  const owned = await served.call('GET', '/pcaps/ownership');
  expect(owned.body).toMatchObject({ result_info: { total_count: 3 } });
  expect(served.process.exitCode).toBeNull();
  const log = served.output();
  expect(log).toContain('"status":400');
  const secrets = ['S3CR3T', values.token, values.read_token, values.other_token, values.key, values.revoked_token];
  for (const secret of secrets) expect(log).not.toContain(secret);
});
