import { setTimeout as sleep } from 'node:timers/promises';
import Fastify from 'fastify';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { raise } from '../model/errors/fault.ts';
import type { ApiInstance } from './api_instance.ts';
import { createApi } from './create_api.ts';
import { downloadOf, type RecordingControl, recorded, recordingControl, testLimits } from './recording_control.ts';

const bytes = Uint8Array.from({ length: 100_000 }, (_, index) => (index * 31) % 251);
const authorization = `Bearer ${recorded.read_token}`;
let control: RecordingControl;
let app: ApiInstance;
let url: string;

beforeAll(async () => {
  control = recordingControl();
  app = await createApi({ control, logger: Fastify().log, version: '1', packets_max: 10_000, limits: testLimits() });
  const origin = await app.listen({ port: 0, host: '127.0.0.1' });
  url = `${origin}/client/v4/accounts/${recorded.account_id}/pcaps/${recorded.capture_id}/download`;
});
afterAll(async () => await app.close());
beforeEach(() => {
  control.calls.length = 0;
  control.answers.set('captures.download', () => downloadOf(bytes));
});

const get = async (headers: Record<string, string> = {}, method = 'GET'): Promise<Response> =>
  await fetch(url, { method, headers: { authorization, ...headers } });

test('the whole file, as an attachment that nobody keeps', async () => {
  const answer = await get({ accept: 'application/vnd.tcpdump.pcap' });
  expect(answer.status).toBe(200);
  expect(Object.fromEntries(answer.headers)).toMatchObject({
    'content-type': 'application/vnd.tcpdump.pcap',
    'content-length': '100000',
    'content-disposition': `attachment; filename="pcap_${recorded.capture_id}.pcap"`,
    'accept-ranges': 'bytes',
    etag: '"etag-of-the-file"',
    'last-modified': 'Sat, 31 Jan 2026 08:00:00 GMT',
    'cache-control': 'no-store',
  });
  expect(new Uint8Array(await answer.arrayBuffer())).toEqual(bytes);
});

test('whatever the client accepts, and pcapng by its own name', async () => {
  control.answers.set('captures.download', () =>
    downloadOf(bytes, { media_type: 'application/x-pcapng', filename: 'pcap_1.pcapng' }),
  );
  for (const accept of ['*/*', 'application/json', 'image/png', '']) {
    const answer = await get({ accept });
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/x-pcapng']);
    await answer.body?.cancel();
  }
});

test('a part of it', async () => {
  const answer = await get({ range: 'bytes=1500-2499', 'if-range': '"etag-of-the-file"' });
  expect([answer.status, answer.headers.get('content-range'), answer.headers.get('content-length')]).toEqual([
    206,
    'bytes 1500-2499/100000',
    '1000',
  ]);
  expect(new Uint8Array(await answer.arrayBuffer())).toEqual(bytes.subarray(1500, 2500));
  expect((await get({ range: 'bytes=0-9', 'if-range': '"another"' })).status).toBe(200);
});

test('HEAD has the headers, and opens nothing', async () => {
  let opened = 0;
  control.answers.set('captures.download', () =>
    downloadOf(bytes, {
      open: () => {
        opened += 1;
        throw new Error('a HEAD reads no byte');
      },
    }),
  );
  const answer = await get({ range: 'bytes=0-1' }, 'HEAD');
  expect([answer.status, answer.headers.get('content-length'), opened]).toEqual([200, '100000', 0]);
  expect(await answer.text()).toBe('');
});

test('304, precondition_failed and range_unsatisfiable say so and send nothing of the file', async () => {
  const fresh = await get({ 'if-none-match': '"etag-of-the-file"' });
  expect([fresh.status, await fresh.text()]).toEqual([304, '']);
  const changed = await get({ 'if-match': '"another"' });
  expect([changed.status, await changed.json()]).toMatchObject([412, { errors: [{ code: 1019 }] }]);
  const outside = await get({ range: 'bytes=100000-' });
  expect(outside.headers.get('content-range')).toBe('bytes */100000');
  expect(outside.headers.get('content-disposition')).toBeNull();
  expect([outside.status, await outside.json()]).toMatchObject([416, { errors: [{ code: 1120 }] }]);
});

test('an empty file is a file', async () => {
  control.answers.set('captures.download', () => downloadOf(new Uint8Array(0)));
  const answer = await get();
  expect([answer.status, answer.headers.get('content-length'), await answer.text()]).toEqual([200, '0', '']);
});

test('what cannot be opened is refused whole', async () => {
  control.answers.set('captures.download', () =>
    downloadOf(bytes, { open: () => raise('bucket_read_failed', { destination: 's3://b', reason: 'AccessDenied' }) }),
  );
  const answer = await get();
  expect([answer.status, answer.headers.get('content-length') === '100000']).toEqual([502, false]);
  expect(await answer.json()).toMatchObject({ success: false, errors: [{ code: 1214 }] });
});

test.each([
  ['ends early', 100_001],
  ['is longer than said', 99_999],
])('a file that %s breaks the answer off: no client takes it for whole', async (_name, size_bytes) => {
  // In small steps, so that the headers are out before the lengths can be compared.
  const open = async (): Promise<AsyncIterable<Uint8Array>> =>
    (async function* () {
      for (let at = 0; at < bytes.length; at += 20_000) {
        yield bytes.subarray(at, at + 20_000);
        await sleep(2);
      }
    })();
  control.answers.set('captures.download', () => downloadOf(bytes, { open, size_bytes }));
  const answer = await get();
  expect(answer.status).toBe(200);
  await expect(answer.arrayBuffer()).rejects.toThrow(/terminated/);
});

test('a client that goes away closes the file', async () => {
  const { promise, resolve } = Promise.withResolvers<string>();
  control.answers.set('captures.download', () =>
    downloadOf(bytes, {
      size_bytes: 1_000_000_000,
      open: async () =>
        (async function* () {
          try {
            for (;;) {
              yield bytes;
              await sleep(1);
            }
          } finally {
            resolve('closed');
          }
        })(),
    }),
  );
  const answer = await get();
  const reader = answer.body?.getReader();
  await reader?.read();
  await reader?.cancel();
  expect(await promise).toBe('closed');
});
