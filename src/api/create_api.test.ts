import Fastify from 'fastify';
import { Check } from 'typebox/value';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FaultError, fault, raise } from '../model/errors/fault.ts';
import { envelope, ErrorEnvelope, listEnvelope } from '../wire/http/envelope.ts';
import { CaptureResponse } from '../wire/http/capture_response.ts';
import { EstimateResponse } from '../wire/http/estimate_response.ts';
import { OwnershipResponse } from '../wire/http/ownership_schemas.ts';
import type { ApiInstance } from './api_instance.ts';
import { createApi } from './create_api.ts';
import { type RecordingControl, recorded, recordingControl, testLimits } from './recording_control.ts';

const logger = Fastify().log;
const { account_id, capture_id, ownership_id } = recorded;
const base = `/client/v4/accounts/${account_id}/pcaps`;
const write = { authorization: `Bearer ${recorded.write_token}` };
const read = { authorization: `Bearer ${recorded.read_token}` };
const json = { 'content-type': 'application/json' };

let control: RecordingControl;
let app: ApiInstance;

beforeEach(async () => {
  control = recordingControl();
  app = await createApi({
    control,
    logger,
    version: '1.2.3',
    packets_max: 10_000,
    limits: testLimits(),
    bad_credentials_per_minute: 5,
  });
});
afterEach(async () => await app.close());

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE' | 'HEAD' | 'PATCH' | 'OPTIONS';

interface Told {
  readonly status: number;
  readonly errors: readonly (readonly [number, string | undefined])[];
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
}

async function ask(method: Method, url: string, headers: object = write, payload?: string | Buffer): Promise<Told> {
  const answer = await app.inject({
    method,
    url,
    headers: { ...headers },
    ...(payload === undefined ? {} : { payload }),
  });
  let errors: Told['errors'] = [];
  if (answer.statusCode >= 400 && method !== 'HEAD') {
    const body: unknown = answer.json();
    if (!Check(ErrorEnvelope, body)) throw new Error(`no envelope: ${answer.body}`);
    errors = body.errors.map((one) => [one.code, one.source?.pointer]);
    for (const one of body.errors) expect(one.documentation_url).toBe(`/docs/errors#${one.code}`);
  }
  return { status: answer.statusCode, errors, headers: answer.headers, text: answer.body };
}

describe('good answers have the envelope and the schema that OpenAPI promises', () => {
  const create = { type: 'simple', system: 'magic-transit', time_limit: 300, packet_limit: 10 };

  test('create', async () => {
    const { status, headers, text } = await ask('POST', base, { ...write, ...json }, JSON.stringify(create));
    expect(status).toBe(200);
    expect(Check(envelope(CaptureResponse), JSON.parse(text))).toBe(true);
    expect(headers).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      ratelimit: '"create";r=59;t=1',
      'ratelimit-policy': '"create";q=60;w=60',
    });
    expect(headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
    const [, made] = control.calls;
    expect(made).toEqual({
      method: 'captures.create',
      args: [
        {
          principal: { id: 'w'.repeat(32), kind: 'token', account_id, permission: 'write' },
          account_id,
          address: '127.0.0.1',
          request_id: headers['x-request-id'],
        },
        create,
        { retry_count: 0 },
      ],
    });
  });

  test('estimate: the body as it came, no rate of creates, and a signal that fires once nobody waits', async () => {
    const { status, headers, text } = await ask('POST', `${base}/estimate`, { ...write, ...json }, '{"any":[1]}');
    expect(status).toBe(200);
    expect(Check(envelope(EstimateResponse), JSON.parse(text))).toBe(true);
    expect(headers).not.toHaveProperty('ratelimit');
    const [, asked] = control.calls;
    expect(asked).toMatchObject({ method: 'estimates.estimate', args: [{ account_id }, { any: [1] }, {}] });
    const gone = asked?.args[2];
    if (!(gone instanceof AbortSignal)) throw new Error('there is no signal');
    await expect.poll(() => gone.aborted).toBe(true);
  });

  test('who closes the connection is not waited for', async () => {
    const url = await app.listen({ port: 0, host: '127.0.0.1' });
    const [leave, left] = [new AbortController(), Promise.withResolvers<boolean>()];
    control.answers.set('estimates.estimate', async (_by: unknown, _body: unknown, gone: AbortSignal) => {
      expect(gone.aborted).toBe(false);
      gone.addEventListener('abort', () => left.resolve(true));
      leave.abort();
      await left.promise;
      return recorded.estimate;
    });
    const request = { method: 'POST', headers: { ...write, ...json }, body: '{}', signal: leave.signal };
    await expect(fetch(`${url}${base}/estimate`, request)).rejects.toThrow();
    expect(await left.promise).toBe(true);
  });

  test('list, with its place in the whole', async () => {
    control.answers.set('captures.list', () => ({ captures: [recorded.capture], total_count: 101 }));
    const { text } = await ask('GET', `${base}?page=3&per_page=25&status=success&type=simple`, read);
    const body: unknown = JSON.parse(text);
    expect(Check(listEnvelope(CaptureResponse), body)).toBe(true);
    expect(body).toMatchObject({
      result_info: { page: 3, per_page: 25, count: 1, total_count: 101, total_pages: 5 },
    });
    expect(control.calls[1]?.args[1]).toEqual({ page: 3, per_page: 25, status: 'success', type: 'simple' });
  });

  test('get, ownerships, accounts, token', async () => {
    const got = await ask('GET', `${base}/${capture_id}`, read);
    expect(Check(envelope(CaptureResponse), JSON.parse(got.text))).toBe(true);
    const buckets = await ask('GET', `${base}/ownership`, read);
    expect(Check(listEnvelope(OwnershipResponse), JSON.parse(buckets.text))).toBe(true);
    for (const path of ['/ownership', '/ownership/validate']) {
      const bucket = await ask('POST', base + path, { ...write, ...json }, '{"destination_conf":"s3://x"}');
      expect(Check(envelope(OwnershipResponse), JSON.parse(bucket.text))).toBe(true);
    }
    const accounts = await ask('GET', '/client/v4/accounts', read);
    expect(JSON.parse(accounts.text)).toMatchObject({
      result: [{ id: account_id, name: 'tests', type: 'standard', created_on: '1970-01-01T00:00:00.000000Z' }],
      success: true,
    });
    control.answers.set('verifyToken', () => ({ id: 'r', status: 'active', expires_on: 0n }));
    const token = await ask('GET', '/client/v4/user/tokens/verify', read);
    expect(JSON.parse(token.text)).toEqual({
      result: { id: 'r', status: 'active', expires_on: '1970-01-01T00:00:00.000000Z' },
      success: true,
      errors: [],
      messages: [],
    });
  });

  test.each([
    ['PUT', `${base}/${capture_id}/stop`, 'captures.stop'],
    ['DELETE', `${base}/${capture_id}`, 'captures.discard'],
    ['DELETE', `${base}/ownership/${ownership_id}`, 'ownerships.remove'],
  ] as const)('%s %s is 204, whatever body comes with it', async (method, url, called) => {
    const bodies: [object, string | undefined][] = [
      [{}, undefined],
      [json, undefined],
      [json, ''],
      [json, 'not json'],
      [{ 'content-type': 'application/x-www-form-urlencoded' }, 'a=b'],
    ];
    for (const [headers, body] of bodies) {
      const { status, text } = await ask(method, url, { ...write, ...headers }, body);
      expect([status, text]).toEqual([204, '']);
    }
    expect(control.calls.filter((call) => call.method === called)).toHaveLength(bodies.length);
  });

  test('a trailing slash changes nothing', async () => {
    expect((await ask('GET', `${base}/?page=1`)).status).toBe(200);
    expect((await ask('GET', `${base}/${capture_id}/`)).status).toBe(200);
  });
});

describe('who asks', () => {
  const everyRoute: [Method, string][] = [
    ['GET', base],
    ['POST', base],
    ['POST', `${base}/estimate`],
    ['GET', `${base}/${capture_id}`],
    ['PUT', `${base}/${capture_id}/stop`],
    ['DELETE', `${base}/${capture_id}`],
    ['GET', `${base}/${capture_id}/download`],
    ['GET', `${base}/ownership`],
    ['POST', `${base}/ownership`],
    ['POST', `${base}/ownership/validate`],
    ['DELETE', `${base}/ownership/${ownership_id}`],
    ['GET', '/client/v4/accounts'],
    ['GET', '/client/v4/user/tokens/verify'],
  ];

  test.each(everyRoute)(
    '%s %s: nobody gets in without credentials, and nothing of the body is read',
    async (method, url) => {
      const told = await ask(method, url, { 'content-type': 'text/plain' }, 'x'.repeat(100_000));
      expect([told.status, told.errors]).toEqual([401, [[1000, undefined]]]);
      expect(told.headers).toMatchObject({ 'www-authenticate': 'Bearer realm="edgetap"', 'x-should-retry': 'false' });
      expect(control.calls.map((call) => call.method)).toEqual(['authenticate']);
    },
  );

  test.each(everyRoute.filter(([, url]) => url.startsWith(base)))(
    '%s %s: another account is one that is not there: account_not_reached',
    async (method, url) => {
      const others = ['f'.repeat(32), '0', account_id.toUpperCase(), 'x'.repeat(500)];
      const told = await Promise.all(
        others.map(async (other) => await ask(method, url.replace(account_id, other), { ...write, ...json })),
      );
      for (const one of told) expect([one.status, one.errors]).toEqual([404, [[1015, undefined]]]);
      expect(new Set(told.map((one) => one.text)).size).toBe(1);
      expect(control.calls.every((call) => call.method === 'authenticate')).toBe(true);
    },
  );

  test.each(everyRoute)('%s %s: reading is not writing: forbidden', async (method, url) => {
    const told = await ask(method, url, { ...read, ...json });
    expect(told.status === 403).toBe(method !== 'GET');
    if (method !== 'GET') expect(told.errors).toEqual([[1002, undefined]]);
  });

  test('email and key, and the bearer in front of them, reach control as they came', async () => {
    const pair = { 'x-auth-email': 'user@example.com', 'x-auth-key': 'key-of-the-tests' };
    expect((await ask('GET', base, pair)).status).toBe(200);
    expect((await ask('GET', base, { ...pair, ...write })).status).toBe(200);
    expect(control.calls.filter((call) => call.method === 'authenticate').map((call) => call.args[0])).toEqual([
      { auth_email: 'user@example.com', auth_key: 'key-of-the-tests' },
      { auth_email: 'user@example.com', auth_key: 'key-of-the-tests', ...write },
    ]);
  });

  test('an expired token is told when', async () => {
    control.answers.set('authenticate', () => raise('token_expired', { at: '2026-01-01' }));
    const told = await ask('GET', base);
    expect([told.status, told.errors]).toEqual([401, [[1001, undefined]]]);
    expect(told.headers['www-authenticate']).toBe('Bearer realm="edgetap", error="invalid_token"');
  });

  test('an address with too many bad credentials gets auth_attempts_limited; good ones still pass', async () => {
    const bad = { authorization: 'Bearer wrong' };
    for (let count = 0; count < 5; count += 1) expect((await ask('GET', base, bad)).status).toBe(401);
    const told = await ask('GET', base, bad);
    expect([told.status, told.errors, told.headers['x-should-retry']]).toEqual([429, [[1018, undefined]], 'false']);
    expect((await ask('GET', base)).status).toBe(200);
    expect((await ask('GET', base, {})).status).toBe(401);
  });
});

describe('what is not there', () => {
  test('route_unknown, and method_not_allowed with what is', async () => {
    for (const url of ['/', '/client/v4', '/client/v5/accounts', `${base}/a/b/c`, `${base}x`]) {
      expect((await ask('GET', url)).errors).toEqual([[1004, undefined]]);
    }
    const told = await ask('PATCH', base);
    expect([told.status, told.errors, told.headers['allow']]).toEqual([405, [[1005, undefined]], 'GET, HEAD, POST']);
    expect((await ask('GET', `${base}/${capture_id}/stop`)).headers['allow']).toBe('PUT');
    expect((await ask('OPTIONS', `${base}/ownership`)).headers['allow']).toContain('POST');
    expect((await ask('PUT', `${base}/ownership/${ownership_id}`)).status).toBe(405);
  });

  test.each(['1', 'F'.repeat(32), `${capture_id}0`, '..%2f..', '%00', 'ownership%2fx', "'--"])(
    'the id %s is not found, without asking control',
    async (id) => {
      const told = await ask('GET', `${base}/${id}`);
      expect([told.status, told.errors]).toEqual([404, [[1003, undefined]]]);
      expect(control.calls.map((call) => call.method)).toEqual(['authenticate']);
      expect((await ask('DELETE', `${base}/ownership/${id}`)).text).toContain('no bucket');
    },
  );

  test('an id of another account reads like one that does not exist', async () => {
    const unknown = await ask('GET', `${base}/${'0'.repeat(32)}`);
    const malformed = await ask('GET', `${base}/0`);
    expect(unknown.text).toBe(malformed.text);
  });

  test('a path that cannot be decoded is request_malformed', async () => {
    expect(await ask('GET', `${base}/%zz`)).toMatchObject({ status: 400, errors: [[1014, undefined]] });
    expect((await ask('GET', '/%ff%')).headers['x-request-id']).toBeDefined();
  });
});

describe('bodies', () => {
  test.each<[string, object, string | Buffer, number, number]>([
    ['body_unreadable', json, '{"a":', 400, 1006],
    ['body_unreadable', json, Buffer.from([0x22, 0xff, 0x22]), 400, 1006],
    ['body_unreadable', { 'content-type': 'application/json; charset=utf-8' }, 'null x', 400, 1006],
    ['content_type_unsupported', { 'content-type': 'text/plain' }, '{}', 415, 1008],
    ['content_type_unsupported', { 'content-type': 'application/x-www-form-urlencoded' }, 'type=full', 415, 1008],
    ['content_type_unsupported', { 'content-type': 'application/json-patch+json' }, '[]', 415, 1008],
    ['content_type_unsupported', { 'content-type': '' }, '{}', 415, 1008],
    ['content_type_unsupported', { 'content-type': ';' }, '{}', 415, 1008],
    ['content_type_unsupported', { ...json, 'content-encoding': 'gzip' }, '{}', 415, 1008],
    ['body_too_large', json, JSON.stringify({ a: 'x'.repeat(65_536) }), 413, 1007],
  ])('%s %j', async (_name, headers, body, status, code) => {
    for (const path of ['', '/ownership', '/ownership/validate']) {
      const told = await ask('POST', base + path, { ...write, ...headers }, body);
      expect([told.status, told.errors[0]?.[0]]).toEqual([status, code]);
      expect(told.headers['x-should-retry']).toBe('false');
    }
    expect(control.calls.every((call) => call.method === 'authenticate')).toBe(true);
  });

  test('64 KiB are read', async () => {
    const body = JSON.stringify({ a: 'x'.repeat(65_536 - 8) });
    expect(body.length).toBe(65_536);
    expect((await ask('POST', base, { ...write, ...json }, body)).status).toBe(200);
  });

  test('what JSON can say reaches control unchanged, and no body as no value', async () => {
    const bodies = ['null', '[]', '"text"', '3', '{"__proto__":{"a":1}}', ''];
    for (const body of bodies) await ask('POST', base, { ...write, ...json }, body);
    await ask('POST', base, write);
    const made = control.calls.filter((call) => call.method === 'captures.create').map((call) => call.args[1]);
    expect(made).toEqual([null, [], 'text', 3, JSON.parse('{"__proto__":{"a":1}}'), undefined, undefined]);
    expect(({} as { a?: number }).a).toBeUndefined();
  });

  test('repeats: the retry count and the key, or header_invalid', async () => {
    const sent = [
      [{ 'x-stainless-retry-count': '2' }, { retry_count: 2 }],
      [{ 'x-stainless-retry-count': '-1' }, { retry_count: 0 }],
      [
        { 'x-stainless-retry-count': 'two', 'idempotency-key': 'k 1' },
        { retry_count: 0, idempotency_key: 'k 1' },
      ],
    ] as const;
    for (const [headers] of sent) await ask('POST', base, { ...write, ...json, ...headers }, '{}');
    const made = control.calls.filter((call) => call.method === 'captures.create').map((call) => call.args[2]);
    expect(made).toEqual(sent.map(([, repeat]) => repeat));
    for (const key of ['', 'x'.repeat(256), 'caf\u00e9']) {
      const told = await ask('POST', base, { ...write, ...json, 'idempotency-key': key }, '{}');
      expect(told.errors).toEqual([[1020, undefined]]);
    }
  });
});

describe('what control refuses', () => {
  test('every fault comes, with its pointer; the first gives the status', async () => {
    control.answers.set('captures.create', () => {
      throw new FaultError([
        fault('field_range', { field: 'time_limit', min: 1, max: 300 }, '/time_limit'),
        fault('body_type', {}, ''),
        fault('scope_empty'),
      ]);
    });
    const told = await ask('POST', base, { ...write, ...json }, '{}');
    expect(told.status).toBe(400);
    expect(told.errors).toEqual([
      [1103, '/time_limit'],
      [1106, ''],
      [1115, undefined],
    ]);
  });

  test('a rate limit says when to come back; a running limit that it is of no use', async () => {
    const rate = { limit: 60, window_s: 60, remaining: 0, reset_s: 40.2 };
    control.answers.set('captures.create', () => ({
      ok: false,
      fault: fault('rate_limited', { limit: 60, wait_s: 41 }),
      rate,
    }));
    const limited = await ask('POST', base, { ...write, ...json }, '{}');
    expect([limited.status, limited.errors]).toEqual([429, [[1009, undefined]]]);
    expect(limited.headers).toMatchObject({
      'retry-after': '5',
      ratelimit: '"create";r=0;t=41',
      'ratelimit-policy': '"create";q=60;w=60',
    });
    expect(limited.headers['x-should-retry']).toBeUndefined();
    control.answers.set('captures.create', () => ({
      ok: false,
      fault: fault('running_limit', { limit: 10 }),
      rate: { ...rate, reset_s: 0 },
    }));
    const running = await ask('POST', base, { ...write, ...json }, '{}');
    expect([running.status, running.errors]).toEqual([429, [[1010, undefined]]]);
    expect(running.headers['x-should-retry']).toBe('false');
    expect(running.headers['retry-after']).toBeUndefined();
  });

  test.each([
    ['idempotency_mismatch', 422, 'false', undefined],
    ['result_not_ready', 409, undefined, '1'],
    ['result_running', 409, 'false', undefined],
    ['result_none', 404, 'false', undefined],
    ['unavailable', 503, undefined, '1'],
    ['bucket_in_use', 409, 'false', undefined],
    ['estimates_busy', 429, undefined, '1'],
  ] as const)('%s is %d', async (name, status, retry, after) => {
    control.answers.set('captures.get', () => raise(name));
    const told = await ask('GET', `${base}/${capture_id}`);
    expect([told.status, told.headers['x-should-retry'], told.headers['retry-after']]).toEqual([status, retry, after]);
  });

  test.each([
    ['a fault that is edgetap’s own affair', () => raise('database_failed', { reason: 'secret-reason' })],
    [
      'a defect',
      () => {
        throw new TypeError('secret-reason');
      },
    ],
  ])('%s is internal: the request id, and nothing of the cause', async (_name, thrower) => {
    control.answers.set('captures.get', thrower);
    const told = await ask('GET', `${base}/${capture_id}`);
    expect([told.status, told.errors]).toEqual([500, [[1012, undefined]]]);
    expect(told.text).toContain(String(told.headers['x-request-id']));
    expect(told.text).not.toContain('secret-reason');
  });

  test('bad queries are parameter_invalid, all at once', async () => {
    const told = await ask('GET', `${base}?page=0&per_page=51&status=done&type=x`);
    expect(told.errors).toEqual([
      [1107, '/page'],
      [1107, '/per_page'],
      [1107, '/status'],
      [1107, '/type'],
    ]);
    expect((await ask('GET', `${base}?page=1&page=2`)).errors).toEqual([[1107, '/page']]);
  });
});

describe('operations', () => {
  test('health, readiness, metrics need no credentials', async () => {
    expect(JSON.parse((await ask('GET', '/healthz', {})).text)).toEqual({ status: 'ok', reasons: [] });
    expect((await ask('GET', '/readyz', {})).status).toBe(200);
    const parts = [
      { name: 'database', reasons: [] },
      { name: 'sensors', reasons: ['no sensor'] },
    ];
    control.answers.set('readiness', () => ({ ready: false, parts, reasons: ['no sensor'] }));
    const ready = await app.inject('/readyz');
    expect([ready.statusCode, ready.json()]).toEqual([
      503,
      {
        status: 'not_ready',
        reasons: ['no sensor'],
        parts: [
          { name: 'database', ok: true, reasons: [] },
          { name: 'sensors', ok: false, reasons: ['no sensor'] },
        ],
      },
    ]);
    control.answers.set('readiness', () => ({ ready: true, parts, reasons: ['no sensor'] }));
    const degraded = await app.inject('/readyz');
    expect([degraded.statusCode, degraded.json()]).toMatchObject([200, { status: 'degraded', reasons: ['no sensor'] }]);
    await ask('GET', base);
    const metrics = await ask('GET', '/metrics', {});
    expect(metrics.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(metrics.text).toContain('edgetap_test 1');
    expect(metrics.text).toContain(
      'edgetap_http_requests_total{method="GET",route="/client/v4/accounts/:account_id/pcaps",status="200"} 1',
    );
    expect(metrics.text).not.toContain(account_id);
  });
});
