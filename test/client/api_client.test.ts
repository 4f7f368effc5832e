import { createHash } from 'node:crypto';
import Fastify from 'fastify';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { ApiInstance } from '../../src/api/api_instance.ts';
import { createApi } from '../../src/api/create_api.ts';
import {
  downloadOf,
  type RecordingControl,
  recorded,
  recordingControl,
  testLimits,
} from '../../src/api/recording_control.ts';
import { type ApiClient, createApiClient } from '../../src/client/api_client.ts';
import { ApiError } from '../../src/client/api_error.ts';

let app: ApiInstance;
let control: RecordingControl;
let client: ApiClient;
let url: string;

const clientFor = (token: string): ApiClient =>
  createApiClient({ url, token }, { fetch, sleep: async () => await Promise.resolve(), randomId: () => 'key-1' });

beforeAll(async () => {
  control = recordingControl();
  app = await createApi({ control, logger: Fastify().log, version: '1', packets_max: 10_000, limits: testLimits() });
  url = await app.listen({ port: 0, host: '127.0.0.1' });
});
afterAll(async () => await app.close());
beforeEach(() => {
  control.calls.length = 0;
  client = clientFor(recorded.write_token);
});

const called = (): unknown[] =>
  control.calls.filter(({ method }) => method !== 'authenticate').map(({ method, args }) => [method, ...args.slice(1)]);

test('every function reaches its route and reads its answer', async () => {
  const { capture_id, ownership_id } = recorded;
  const request = { type: 'simple', system: 'magic-transit', time_limit: 5, packet_limit: 1 } as const;
  const conf = { destination_conf: 's3://b?region=a&x=%20' };
  expect(await client.createCapture(request)).toMatchObject({ id: capture_id, type: 'simple', status: 'success' });
  expect(await client.estimateCapture(request)).toMatchObject({ packets: 10, packets_estimated: 48_000 });
  expect((await client.listCaptures({ page: 2, per_page: 5, status: 'failed' })).info).toMatchObject({ page: 2 });
  expect((await client.getCapture(capture_id)).id).toBe(capture_id);
  await client.stopCapture(capture_id);
  expect(await client.listOwnerships()).toHaveLength(1);
  expect((await client.addOwnership(conf)).status).toBe('pending');
  expect((await client.validateOwnership({ ...conf, ownership_challenge: 'c' })).status).toBe('success');
  await client.removeOwnership(ownership_id);
  expect(await client.verifyToken()).toEqual({ id: 'w'.repeat(32), status: 'active' });
  expect(called()).toEqual([
    ['accounts'],
    ['captures.create', request, { retry_count: 0, idempotency_key: 'key-1' }],
    ['estimates.estimate', request, expect.any(AbortSignal)],
    ['captures.list', { page: 2, per_page: 5, status: 'failed' }],
    ['captures.get', capture_id],
    ['captures.stop', capture_id],
    ['ownerships.list', { page: 1, per_page: 1000 }],
    ['ownerships.add', conf],
    ['ownerships.validate', { ...conf, ownership_challenge: 'c' }],
    ['ownerships.remove', ownership_id],
    ['verifyToken'],
  ]);
});

test('downloads the file, through as many cuts as it takes', async () => {
  const bytes = Uint8Array.from({ length: 2_000_000 }, (_, index) => (index * 13) % 256);
  let opened = 0;
  control.answers.set('captures.download', () =>
    downloadOf(bytes, {
      open: async (range) => {
        opened += 1;
        const rest = range === undefined ? bytes : bytes.subarray(range.start, range.end + 1);
        // The first two times the source breaks in the middle.
        return (async function* () {
          yield rest.subarray(0, 600_000);
          await new Promise((resolve) => setTimeout(resolve, 20));
          if (opened <= 2) throw new Error('the source broke');
          yield rest.subarray(600_000);
        })();
      },
    }),
  );
  const file = await client.download(recorded.capture_id);
  expect([file.filename, file.size_bytes]).toEqual([`pcap_${recorded.capture_id}.pcap`, 2_000_000]);
  const hash = createHash('sha256');
  for await (const chunk of file.chunks) hash.update(chunk);
  expect(hash.digest('hex')).toBe(createHash('sha256').update(bytes).digest('hex'));
  expect(opened).toBe(3);
});

test('what the server refuses comes as its codes and pointers', async () => {
  const error: unknown = await clientFor('wrong')
    .listCaptures()
    .catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(ApiError);
  expect(error instanceof ApiError && [error.status, error.has(1000)]).toEqual([401, true]);
  const missing: unknown = await client.getCapture('../accounts').catch((caught: unknown) => caught);
  expect(missing instanceof ApiError && missing.errors[0].code).toBe(1003);
});
