import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type Server, createServer } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { buffer } from 'node:stream/consumers';
import {
  CreateBucketCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  PutBucketPolicyCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { type CephRgw, type RgwUser, startCephRgw } from '../../test/support/ceph_rgw.ts';
import { putOnlyPolicy } from '../../test/support/put_only_policy.ts';
import { parseDestination } from '../model/destination.ts';
import { parseEndpointPolicy } from '../model/endpoint_policy.ts';
import { FaultError } from '../model/errors/fault.ts';
import type { TimeNs } from '../model/time.ts';
import { type GuardedAgents, guardedAgents } from '../net/guarded_agent.ts';
import type { Bucket } from './bucket.ts';
import { type BucketUnderTest, bucketSuite, faultOf, put } from './bucket_suite.ts';
import { openBucket } from './open_bucket.ts';
import { openS3Bucket } from './s3.ts';
import { realWaiting } from './waiting.ts';
import type { Patience } from './with_retries.ts';

let rgw: CephRgw;
let owner: S3Client;
let agents: GuardedAgents;
let offset_s = 0;
let made = 0;

const piece_bytes = 5_242_880;
const once_only: Patience = { tries: 1, base_ms: 1, cap_ms: 1, within_ms: 600_000 };
const now = (): TimeNs => BigInt(Date.now()) * 1_000_000n + BigInt(offset_s) * 1_000_000_000n;

function guarded(list: string, ca?: string): GuardedAgents {
  const policy = parseEndpointPolicy(list);
  if (!policy.ok) throw new Error(policy.faults[0]?.message);
  return guardedAgents({ policy: policy.value, ...(ca === undefined ? {} : { ca }) });
}

interface Opening {
  readonly user?: Pick<RgwUser, 'access_key_id' | 'secret_access_key'>;
  readonly endpoint?: string;
  readonly agents?: GuardedAgents;
  readonly patience?: Patience;
  readonly scheme?: 's3' | 'r2' | 'gs';
}

function open(name: string, opening: Opening = {}): Bucket {
  const { user = rgw.owner, endpoint = rgw.endpoint, scheme = 's3' } = opening;
  const own = { s3: 'region=default&', r2: `account-id=${'ab'.repeat(16)}&`, gs: '' }[scheme];
  const keys = `access-key-id=${user.access_key_id}&secret-access-key=${user.secret_access_key}`;
  const parsed = parseDestination(`${scheme}://${name}/dir?${own}endpoint=${endpoint}&${keys}`, '');
  if (!parsed.ok) throw new Error(parsed.faults[0]?.message);
  return openBucket(parsed.value.destination, parsed.value.secrets, {
    agents: opening.agents ?? agents,
    ambient: false,
    allowed_roots: [],
    intake_url: '',
    signing_keys: [],
    // Edgetap's own clock is no business of a service.
    now: () => 0n,
    wall: now,
    waiting: realWaiting,
    silence_ms: 30_000,
    random_bytes: (count) => randomBytes(count),
    ...(opening.patience === undefined ? {} : { patience: opening.patience }),
  });
}

async function makeBucket(): Promise<string> {
  made += 1;
  const name = `captures-${made}`;
  await owner.send(new CreateBucketCommand({ Bucket: name }));
  return name;
}

async function content(name: string, key: string): Promise<Buffer | undefined> {
  try {
    const { Body } = await owner.send(new GetObjectCommand({ Bucket: name, Key: `dir/${key}` }));
    return Body === undefined ? undefined : Buffer.from(await Body.transformToByteArray());
  } catch {
    return undefined;
  }
}

async function unfinished(name: string): Promise<number> {
  return (await owner.send(new ListMultipartUploadsCommand({ Bucket: name }))).Uploads?.length ?? 0;
}

beforeAll(async () => {
  rgw = await startCephRgw();
  agents = guarded('127.0.0.1');
  const { access_key_id, secret_access_key } = rgw.owner;
  owner = new S3Client({
    endpoint: rgw.endpoint,
    region: rgw.region,
    forcePathStyle: true,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    credentials: { accessKeyId: access_key_id, secretAccessKey: secret_access_key },
  });
});
afterAll(async () => {
  owner.destroy();
  agents.close();
  await rgw.stop();
});

describe.each(['s3', 'r2', 'gs'] as const)('%s', (scheme) => {
  // R2 and Cloud Storage differ from S3 here in endpoint, region and ETags only: a short pass is enough.
  if (scheme === 's3') {
    bucketSuite(scheme, async (): Promise<BucketUnderTest> => {
      const name = await makeBucket();
      return {
        bucket: open(name, { patience: { tries: 2, base_ms: 10, cap_ms: 10, within_ms: 600_000 } }),
        content: (key) => content(name, key),
        unfinished: () => unfinished(name),
        // Ceph 16 takes an upload that is gone for one that is being completed, and answers 500.
        gone: 'bucket_unreachable',
        moveClock: (seconds) => {
          offset_s += seconds;
        },
      };
    });
  }

  test('a stream in pieces', async () => {
    const name = await makeBucket();
    const bytes = randomBytes(piece_bytes + 100);
    async function* source(): AsyncGenerator<Uint8Array> {
      yield bytes;
    }
    await open(name, { scheme }).putStream('x.pcap', source(), { piece_bytes });
    expect((await content(name, 'x.pcap'))?.equals(bytes)).toBe(true);
  });
});

/** An upload that is begun, gets a piece and is put together, with the clock set before each of these. */
async function upload(bucket: Bucket, set: () => void): Promise<void> {
  const body = randomBytes(1000);
  const key = 'x.pcap';
  set();
  const upload_id = await bucket.startUpload(key, piece_bytes);
  set();
  const md5 = createHash('md5').update(body).digest();
  const piece = { number: 1, length_bytes: body.length, md5_base64: md5.toString('base64') };
  const { url, headers } = await bucket.signPiece({ key, upload_id, piece });
  const answer = await fetch(url, { method: 'PUT', headers, body });
  expect([answer.status, await answer.text()]).toEqual([200, '']);
  set();
  const etag = (answer.headers.get('etag') ?? '').replaceAll('"', '');
  await bucket.completeUpload({ key, upload_id, pieces: [{ ...piece, md5: md5.toString('hex'), etag }] });
}

describe('a clock that is wrong, or set', () => {
  afterEach(() => void vi.useRealTimers());

  test.each([
    [20, 40, 60],
    [3600, 3600, 3600],
    [0, 3600, 0],
    [-3600, 7200, -90_000],
    [90_000, 0, -90_000],
    [0, 0, 86_400 * 365],
  ])('by %d, %d and %d s: what is signed is good all the same', async (...set_s) => {
    const name = await makeBucket();
    const began = performance.now();
    const real = Date.now();
    vi.useFakeTimers({ toFake: ['Date'], now: real });
    const sets = [...set_s];
    // The service's clock is another one, which is right.
    const wall = (): TimeNs => BigInt(Date.now()) * 1_000_000n;
    const bucket = openS3Bucket({
      destination: { scheme: 's3', bucket: name, directory: 'dir', region: rgw.region, endpoint: rgw.endpoint },
      secrets: rgw.owner,
      agents,
      now: () => process.hrtime.bigint(),
      wall,
      waiting: realWaiting,
      silence_ms: 30_000,
      patience: once_only,
    });
    await upload(bucket, () => vi.setSystemTime(real + performance.now() - began + (sets.shift() ?? 0) * 1000));
    vi.useRealTimers();
    expect((await content(name, 'x.pcap'))?.length).toBe(1000);
  });
});

async function* twoPieces(): AsyncGenerator<Uint8Array> {
  yield randomBytes(piece_bytes + 1);
}

/** Everything that an error can tell. */
function told(error: unknown): string {
  const parts: string[] = [];
  for (let one = error; one instanceof Error; one = one.cause) {
    parts.push(one.message, one.stack ?? '', JSON.stringify(one, Object.getOwnPropertyNames(one)));
  }
  return parts.join('\n');
}

describe('what goes wrong is said, without the secret', () => {
  const wrong = { access_key_id: 'WRONGKEYID', secret_access_key: 'wrong-secret-wJalrXUtnFEMI' };

  test.each<[string, (name: string) => Bucket, string]>([
    [
      'a wrong secret',
      (name) => open(name, { user: { ...rgw.owner, secret_access_key: wrong.secret_access_key } }),
      'bucket_denied',
    ],
    ['an unknown key', (name) => open(name, { user: wrong }), 'bucket_denied'],
    ['no such bucket', () => open('no-such-bucket'), 'bucket_missing'],
    [
      'nobody there',
      (name) => open(name, { endpoint: 'http://127.0.0.1:1', patience: once_only }),
      'bucket_unreachable',
    ],
    ['plain HTTP that is not listed', (name) => open(name, { agents: guarded('') }), 'endpoint_insecure'],
    [
      'a private address that is not listed',
      (name) => open(name, { agents: guarded(''), endpoint: rgw.tls_endpoint }),
      'endpoint_refused',
    ],
    [
      'a certificate that nobody trusts',
      (name) => open(name, { endpoint: rgw.tls_endpoint, patience: once_only }),
      'bucket_unreachable',
    ],
  ])('%s', async (_, opened, expected) => {
    const bucket = opened(await makeBucket());
    const upload = { key: 'x.pcap', upload_id: '2~x' };
    const pieces = [{ number: 1, length_bytes: 1, md5: '0'.repeat(32), etag: '0'.repeat(32) }];
    const attempts = [
      () => bucket.writeObject('x.txt', Buffer.from('x')),
      // Large enough for the SDK to ask before it sends.
      () => bucket.writeObject('x.txt', Buffer.alloc(3_000_000)),
      () => bucket.startUpload('x.pcap', piece_bytes),
      () => bucket.completeUpload({ ...upload, pieces }),
      () => bucket.abortUpload(upload),
      () => bucket.putStream('x.pcap', twoPieces(), { piece_bytes }),
      () => bucket.readObject('x.txt'),
      () => bucket.removeObject('x.txt'),
    ];
    for (const attempt of attempts) {
      const error = await attempt().then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      if (!(error instanceof FaultError)) throw new Error(`not a fault: ${String(error)}`);
      const { name } = error.faults[0];
      expect(name === 'bucket_read_failed' ? 'bucket_denied' : name).toBe(expected);
      for (const secret of [
        wrong.secret_access_key,
        rgw.owner.secret_access_key,
        rgw.owner.access_key_id,
        wrong.access_key_id,
      ]) {
        expect(told(error)).not.toContain(secret);
      }
    }
  });
});

describe('over TLS', () => {
  test('a trusted certificate is enough', async () => {
    const name = await makeBucket();
    const trusting = guarded('127.0.0.1', rgw.certificate);
    await open(name, { endpoint: rgw.tls_endpoint, agents: trusting }).writeObject('x.txt', Buffer.from('by TLS'));
    expect((await content(name, 'x.txt'))?.toString()).toBe('by TLS');
    trusting.close();
  });
});

describe('a policy that allows nothing but PutObject', () => {
  test('is enough to deliver, and reading is refused with the reason', async () => {
    const name = await makeBucket();
    made += 1;
    const user = await rgw.createUser(`courier-${made}`);
    await owner.send(new PutBucketPolicyCommand({ Bucket: name, Policy: putOnlyPolicy(name, user, rgw.owner) }));
    const bucket = open(name, { user });
    await bucket.writeObject('challenge.txt', Buffer.from('prove it'));
    expect((await content(name, 'challenge.txt'))?.toString()).toBe('prove it');
    const bytes = randomBytes(piece_bytes + 1000);
    async function* source(): AsyncGenerator<Uint8Array> {
      yield bytes;
    }
    await bucket.putStream('stream.pcap', source(), { piece_bytes });
    expect((await content(name, 'stream.pcap'))?.equals(bytes)).toBe(true);
    const upload_id = await bucket.startUpload('signed.pcap', piece_bytes);
    const md5 = createHash('md5').update(bytes.subarray(0, 100)).digest();
    const piece = { number: 1, length_bytes: 100, md5_base64: md5.toString('base64') };
    const sent = await put(await bucket.signPiece({ key: 'signed.pcap', upload_id, piece }), bytes.subarray(0, 100));
    const pieces = [{ number: 1, length_bytes: 100, md5: md5.toString('hex'), etag: sent.etag }];
    await bucket.completeUpload({ key: 'signed.pcap', upload_id, pieces });
    expect((await content(name, 'signed.pcap'))?.length).toBe(100);
    await expect(bucket.readObject('signed.pcap')).rejects.toMatchObject({
      faults: [{ name: 'bucket_read_failed', message: expect.stringContaining('denied') }],
    });
  });
});

describe('a gateway that is killed', () => {
  test('and comes back: the stream goes on where it was', async () => {
    const name = await makeBucket();
    const bytes = randomBytes(6 * piece_bytes);
    let restarted: Promise<void> | undefined;
    async function* source(): AsyncGenerator<Uint8Array> {
      for (let at = 0; at < bytes.length; at += 1_000_000) {
        if (at === 16_000_000) restarted = rgw.restart();
        yield bytes.subarray(at, at + 1_000_000);
      }
    }
    const patience = { tries: 20, base_ms: 100, cap_ms: 1000, within_ms: 600_000 };
    const stored = await open(name, { patience }).putStream('x.pcap', source(), { piece_bytes });
    await restarted;
    expect(restarted).toBeDefined();
    expect(stored.sha256).toBe(createHash('sha256').update(bytes).digest('hex'));
    expect((await content(name, 'x.pcap'))?.equals(bytes)).toBe(true);
  });

  test('and does not: it is said after the last try', async () => {
    const name = await makeBucket();
    const bucket = open(name, { patience: { tries: 3, base_ms: 10, cap_ms: 10, within_ms: 600_000 } });
    await rgw.kill();
    try {
      expect(await faultOf(bucket.writeObject('x.txt', Buffer.from('x')))).toBe('bucket_unreachable');
    } finally {
      await rgw.restart();
    }
  });
});

describe('servers that are not what they should be', () => {
  let server: Server;
  let reply: { status: number; headers?: Record<string, string>; body?: string };
  let requests: string[] = [];
  let endpoint: string;
  beforeAll(async () => {
    server = createServer((request, response) => {
      requests.push(`${request.method} ${request.url}`);
      request.resume();
      request.on('end', () => response.writeHead(reply.status, reply.headers).end(reply.body));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => server.close());

  const answering = async (next: typeof reply, attempt: (bucket: Bucket) => Promise<unknown>): Promise<string> => {
    reply = next;
    requests = [];
    return faultOf(attempt(open('captures', { endpoint, patience: once_only })));
  };

  test.each([301, 302, 303, 307, 308])('a redirect (%i) is not followed', async (status) => {
    const trap = createTcpServer(() => {
      throw new Error('followed');
    });
    trap.listen(0, '127.0.0.1');
    await once(trap, 'listening');
    const location = `http://127.0.0.1:${(trap.address() as AddressInfo).port}/latest/meta-data`;
    const error = '<Error><Code>PermanentRedirect</Code><Endpoint>evil.example</Endpoint></Error>';
    const redirect = { status, headers: { location, 'x-amz-bucket-region': 'eu-west-9' }, body: error };
    expect(await answering(redirect, (bucket) => bucket.writeObject('x.txt', Buffer.from('x')))).toBe('bucket_region');
    expect(await answering(redirect, (bucket) => bucket.startUpload('x.txt', piece_bytes))).toBe('bucket_region');
    expect(requests).toHaveLength(1);
    expect(
      await answering(redirect, async (bucket) => {
        await bucket.writeObject('x.txt', Buffer.from('x')).catch((cause: unknown) => {
          expect(String(cause)).toContain('write region=eu-west-9 into the URI');
          throw cause;
        });
      }),
    ).toBe('bucket_region');
    trap.close();
  });

  test('an ETag of other bytes is found', async () => {
    const etag = `"${'0'.repeat(32)}"`;
    const write = (bucket: Bucket): Promise<unknown> => bucket.writeObject('x.txt', Buffer.from('x'));
    expect(await answering({ status: 200, headers: { etag } }, write)).toBe('bucket_checksum');
    const kms = { etag, 'x-amz-server-side-encryption': 'aws:kms' };
    expect(await answering({ status: 200, headers: kms }, write)).toBe('none');
    expect(await answering({ status: 200, headers: { etag: '"something-else"' } }, write)).toBe('none');
  });

  test('an error inside a 200 is an error', async () => {
    const body = '<?xml version="1.0"?><Error><Code>InternalError</Code><Message>later</Message></Error>';
    const pieces = [{ number: 1, length_bytes: 1, md5: '0'.repeat(32), etag: 'x' }];
    const complete = (bucket: Bucket): Promise<unknown> => bucket.completeUpload({ key: 'x', upload_id: 'u', pieces });
    expect(await answering({ status: 200, body }, complete)).toBe('bucket_unreachable');
  });

  test('an upload without an id, and pages that are not S3, are refused', async () => {
    const start = (bucket: Bucket): Promise<unknown> => bucket.startUpload('x', piece_bytes);
    const empty = '<?xml version="1.0"?><InitiateMultipartUploadResult></InitiateMultipartUploadResult>';
    expect(await answering({ status: 200, body: empty }, start)).toBe('bucket_refused');
    const id = 'x'.repeat(2049);
    const long = `<InitiateMultipartUploadResult><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`;
    expect(await answering({ status: 200, body: long }, start)).toBe('bucket_refused');
    expect(await answering({ status: 200, body: '<html><p>Welcome<br></html>' }, start)).toBe('bucket_refused');
    expect(await answering({ status: 418, body: 'teapot' }, start)).toBe('bucket_refused');
  });

  test('an answer without an end is not read to the end', async () => {
    let written = 0;
    const babbler = createServer((request, response) => {
      request.resume();
      response.writeHead(request.method === 'POST' ? 200 : 403);
      const line = Buffer.alloc(65_536, ' ');
      const babble = (): void => {
        written += line.length;
        if (!response.destroyed) response.write(line, babble);
      };
      babble();
    });
    babbler.listen(0, '127.0.0.1');
    await once(babbler, 'listening');
    const bucket = open('captures', { endpoint: `http://127.0.0.1:${(babbler.address() as AddressInfo).port}` });
    expect(await faultOf(bucket.startUpload('x', piece_bytes))).toBe('bucket_refused');
    expect(await faultOf(bucket.writeObject('x', Buffer.from('x')))).toBe('bucket_refused');
    expect(written).toBeLessThan(50_000_000);
    babbler.closeAllConnections();
    babbler.close();
  });

  test('a lost answer to the last step: looked up where that is allowed, else to be sent again', async () => {
    const gone = '<?xml version="1.0"?><Error><Code>NoSuchUpload</Code></Error>';
    const md5 = createHash('md5').update('x').digest();
    const etag = `${createHash('md5').update(md5).digest('hex')}-1`;
    const order = {
      key: 'x.pcap',
      upload_id: 'u',
      pieces: [{ number: 1, length_bytes: 1, md5: md5.toString('hex'), etag: 'x' }],
    };
    let head: Record<string, string> | undefined;
    const amnesiac = createServer((request, response) => {
      request.resume();
      request.on('end', () => {
        if (request.method !== 'HEAD') response.writeHead(404).end(gone);
        else if (head === undefined) response.writeHead(403).end();
        else response.writeHead(200, head).end();
      });
    });
    amnesiac.listen(0, '127.0.0.1');
    await once(amnesiac, 'listening');
    const bucket = open('captures', { endpoint: `http://127.0.0.1:${(amnesiac.address() as AddressInfo).port}` });
    expect(await faultOf(bucket.completeUpload(order))).toBe('upload_gone');
    head = { etag: `"${etag}"`, 'content-length': '1' };
    expect(await bucket.completeUpload(order)).toEqual({ size_bytes: 1n });
    head = { etag: '"other-1"', 'content-length': '1' };
    expect(await faultOf(bucket.completeUpload(order))).toBe('upload_gone');
    head = { etag: `"${etag}"`, 'content-length': '2' };
    expect(await faultOf(bucket.completeUpload(order))).toBe('upload_gone');
    amnesiac.close();
  });
});

test('300 MB in signed pieces arrive whole', async () => {
  const name = await makeBucket();
  const bucket = open(name);
  const size = 8_388_608;
  const seed = randomBytes(size);
  const upload_id = await bucket.startUpload('big.pcap', size);
  const whole = createHash('sha256');
  const pieces = [];
  for (let number = 1; number <= 36; number += 1) {
    seed.writeUInt32BE(number);
    const body = number === 36 ? seed.subarray(0, 6_398_720) : seed;
    whole.update(body);
    const md5 = createHash('md5').update(body).digest();
    const piece = { number, length_bytes: body.length, md5_base64: md5.toString('base64') };
    const { etag } = await put(await bucket.signPiece({ key: 'big.pcap', upload_id, piece }), body);
    pieces.push({ number, length_bytes: body.length, md5: md5.toString('hex'), etag });
  }
  const stored = await bucket.completeUpload({ key: 'big.pcap', upload_id, pieces });
  expect(stored.size_bytes).toBe(300_000_000n);
  const read = await bucket.readObject('big.pcap');
  expect(read.size_bytes).toBe(300_000_000n);
  const arrived = createHash('sha256');
  for await (const chunk of read.body) arrived.update(chunk as Uint8Array);
  expect(arrived.digest('hex')).toBe(whole.digest('hex'));
  const end = await bucket.readObject('big.pcap', { first: 299_999_990n, last: 299_999_999n });
  expect(await buffer(end.body)).toHaveLength(10);
});
