import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { link, mkdir, mkdtemp, readFile, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TimeNs } from '../model/time.ts';
import type { Bucket } from './bucket.ts';
import { type BucketUnderTest, bucketSuite, faultOf, put } from './bucket_suite.ts';
import { type FileCalls, ownFileCalls } from './file_calls.ts';
import { FileLanes } from './file_lanes.ts';
import { openFileBucket } from './file.ts';
import { createPieceIntake } from './piece_intake.ts';
import { unfinishedObjects } from './unfinished_objects.ts';

const signing_keys = [randomBytes(32), randomBytes(32)];
let base: string;
let server: Server;
let intake_url: string;
let offset_s = 0;
let opened = 0;

const now = (): TimeNs => BigInt(Date.now()) * 1_000_000n + BigInt(offset_s) * 1_000_000_000n;
const roots = (): string[] => [join(base, 'allowed')];

beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'edgetap-file-'));
  await mkdir(join(base, 'allowed'));
  await mkdir(join(base, 'outside'));
  const realNow = (): TimeNs => BigInt(Date.now()) * 1_000_000n;
  const intake = createPieceIntake({ allowed_roots: roots(), signing_keys, now: realNow });
  server = createServer((request, response) => {
    const { method = '', url = '', headers } = request;
    void intake({ method, url, headers, body: request }).then((answer) =>
      response.writeHead(answer.status, { ...answer.headers }).end(answer.body),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  intake_url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.close();
  await rm(base, { recursive: true });
});

function openAt(
  directory: string,
  overrides: { readonly allowed_roots?: string[]; readonly only_below?: string; readonly calls?: FileCalls } = {},
): Bucket {
  return openFileBucket({
    destination: { scheme: 'file', directory },
    allowed_roots: roots(),
    ...overrides,
    intake_url,
    signing_keys,
    now,
    random_bytes: (count) => randomBytes(count),
  });
}

const lanes = new FileLanes();
afterAll(async () => await lanes.close());

async function openFresh(calls = ownFileCalls): Promise<BucketUnderTest & { readonly directory: string }> {
  opened += 1;
  const directory = join(base, 'allowed', `bucket-${opened}`);
  return {
    directory,
    bucket: openAt(directory, { calls }),
    content: (key) => readFile(join(directory, key)).catch(() => undefined),
    unfinished: async () => {
      const names = await readdir(directory, { recursive: true }).catch(() => []);
      return names.filter((name) => /(^|\/)\./.test(name)).length;
    },
    gone: 'upload_gone',
    moveClock: (seconds) => {
      offset_s += seconds;
    },
  };
}

bucketSuite('file', async () => await openFresh());
bucketSuite('file, in threads of its own', async () => await openFresh(lanes.calls('a', base)));

describe('file: the allowed root', () => {
  test.each([
    ['beside it', () => join(base, 'outside')],
    ['above it', () => base],
    ['with its name as a beginning', () => join(base, 'allowed-not')],
    ['the root of all', () => '/'],
  ])('a directory %s is refused', (_, directory) => {
    expect(() => openAt(directory())).toThrow('must lead to a directory under');
  });

  test('itself is allowed, and so is all below', async () => {
    await openAt(join(base, 'allowed')).writeObject('top.txt', Buffer.from('1'));
    await openAt(join(base, 'allowed/x/y/z')).writeObject('deep.txt', Buffer.from('2'));
    expect(await readFile(join(base, 'allowed/x/y/z/deep.txt'), 'utf8')).toBe('2');
  });

  test('of one that may only be below a name, that directory, which is made on demand', async () => {
    const only_below = 'c'.repeat(32);
    for (const name of ['', 'other', `${only_below}x/y`, `other/${only_below}`])
      expect(() => openAt(join(base, 'allowed', name), { only_below })).toThrow(`under ${base}/allowed/${only_below}.`);
    await openAt(join(base, 'allowed', only_below), { only_below }).writeObject('a.txt', Buffer.from('1'));
    await openAt(join(base, 'allowed', only_below, 'x'), { only_below }).writeObject('b.txt', Buffer.from('2'));
    expect((await readdir(join(base, 'allowed', only_below))).toSorted()).toEqual(['a.txt', 'x']);
    // Who can write into the root cannot have it lead elsewhere.
    await symlink(join(base, 'outside'), join(base, 'allowed', 'd'));
    const led = openAt(join(base, 'allowed/d/x'), { only_below: 'd' });
    expect(await faultOf(led.writeObject('x.txt', Buffer.from('x')))).toBe('bucket_directory_refused');
  });

  test('a directory that lies too deep is bucket_directory_deep', async () => {
    await openAt(join(base, 'allowed/1/2/3/4/5/6/7/8')).writeObject('x.txt', Buffer.from('x'));
    expect(() => openAt(join(base, 'allowed/1/2/3/4/5/6/7/8/9'))).toThrow('at most 8 levels under');
  });

  test('that does not exist is a missing bucket', async () => {
    const bucket = openAt(join(base, 'gone/x'), { allowed_roots: [join(base, 'gone')] });
    expect(await faultOf(bucket.writeObject('x.txt', Buffer.from('x')))).toBe('bucket_missing');
  });

  test('may be reached through a link of the operator', async () => {
    await symlink(join(base, 'allowed'), join(base, 'link'));
    const bucket = openAt(join(base, 'link/by-link'), { allowed_roots: [join(base, 'link')] });
    await bucket.writeObject('x.txt', Buffer.from('x'));
    expect(await readFile(join(base, 'allowed/by-link/x.txt'), 'utf8')).toBe('x');
  });
});

describe('file: links below the root lead nowhere', () => {
  test.each(['to outside', 'to inside'])('a directory that is a link %s', async (where) => {
    const { directory } = await openFresh();
    await mkdir(directory);
    await symlink(where === 'to outside' ? join(base, 'outside') : join(base, 'allowed'), join(directory, 'sub'));
    for (const [bucket, key] of [
      [openAt(directory), 'sub/x.txt'],
      [openAt(join(directory, 'sub')), 'x.txt'],
      [openAt(join(directory, 'sub/deeper')), 'x.txt'],
    ] as const) {
      expect(await faultOf(bucket.writeObject(key, Buffer.from('x')))).toBe('bucket_directory_refused');
      expect(await faultOf(bucket.startUpload(key, 10))).toBe('bucket_directory_refused');
      expect(await faultOf(bucket.readObject(key))).toBe('bucket_directory_refused');
      expect(await faultOf(bucket.removeObject(key))).toBe('bucket_directory_refused');
    }
    expect(await readdir(join(base, 'outside'))).toEqual([]);
  });

  test('a pipe in the place of an object holds nobody up', async () => {
    const { bucket, directory } = await openFresh();
    await bucket.writeObject('y.txt', Buffer.from('y'));
    execFileSync('mkfifo', [join(directory, 'x.txt')]);
    const { body, size_bytes } = await bucket.readObject('x.txt');
    expect(size_bytes).toBe(0n);
    body.destroy();
    const pieces = [{ number: 1, length_bytes: 1, md5: '0'.repeat(32), etag: 'x' }];
    const upload_id = `${'0'.repeat(32)}-100`;
    expect(await faultOf(bucket.completeUpload({ key: 'x.txt', upload_id, pieces }))).toBe('upload_gone');
  });

  test('a link in the place of an object is replaced, not written through, and not read', async () => {
    const { directory, bucket } = await openFresh();
    await mkdir(directory);
    const secret = join(base, 'secret.txt');
    await writeFile(secret, 'mine');
    await symlink(secret, join(directory, 'x.txt'));
    expect(await faultOf(bucket.readObject('x.txt'))).toBe('bucket_directory_refused');
    await bucket.writeObject('x.txt', Buffer.from('yours'));
    expect(await readFile(secret, 'utf8')).toBe('mine');
    expect(await readFile(join(directory, 'x.txt'), 'utf8')).toBe('yours');
  });

  test('a file with another name is neither read nor written', async () => {
    const { directory, bucket } = await openFresh();
    const upload_id = await bucket.startUpload('y.pcap', 10);
    const secret = join(base, 'secret3.txt');
    await writeFile(secret, 'mine');
    await link(secret, join(directory, 'x.txt'));
    expect(await faultOf(bucket.readObject('x.txt'))).toBe('bucket_directory_refused');
    const hidden = join(directory, `.y.pcap.${upload_id}.partial`);
    await rm(hidden);
    await link(secret, hidden);
    const piece = { number: 1, length_bytes: 5, md5_base64: 'XUFAKrxLKna5cZ2REBfFkg==' };
    const sent = await put(await bucket.signPiece({ key: 'y.pcap', upload_id, piece }), Buffer.from('hello'));
    expect(sent).toMatchObject({ status: 403, text: expect.stringContaining('EMLINK') });
    expect(await readFile(secret, 'utf8')).toBe('mine');
    await bucket.writeObject('x.txt', Buffer.from('yours'));
    expect(await readFile(secret, 'utf8')).toBe('mine');
  });

  test('a link in the place of an unfinished object takes no piece', async () => {
    const { directory, bucket } = await openFresh();
    const upload_id = await bucket.startUpload('x.pcap', 10);
    const secret = join(base, 'secret2.txt');
    await writeFile(secret, 'mine');
    const hidden = join(directory, `.x.pcap.${upload_id}.partial`);
    await rm(hidden);
    await symlink(secret, hidden);
    const piece = { number: 1, length_bytes: 5, md5_base64: 'XUFAKrxLKna5cZ2REBfFkg==' };
    const sent = await put(await bucket.signPiece({ key: 'x.pcap', upload_id, piece }), Buffer.from('hello'));
    expect(sent).toMatchObject({ status: 403, text: expect.stringContaining('ELOOP') });
    expect(await readFile(secret, 'utf8')).toBe('mine');
  });
});

describe('file: what others see', () => {
  test('files are for the owner and the group, directories too', async () => {
    const { directory, bucket } = await openFresh();
    await bucket.writeObject('sub/x.txt', Buffer.from('x'));
    expect((await stat(join(directory, 'sub/x.txt'))).mode & 0o007).toBe(0);
    expect((await stat(join(directory, 'sub'))).mode & 0o007).toBe(0);
  });

  test('an object that is written over stays whole for who reads it', async () => {
    const { directory, bucket } = await openFresh();
    await bucket.writeObject('x.txt', Buffer.from('before'));
    await link(join(directory, 'x.txt'), join(base, 'kept.txt'));
    await bucket.writeObject('x.txt', Buffer.from('after'));
    expect(await readFile(join(base, 'kept.txt'), 'utf8')).toBe('before');
  });

  test('an object cannot take the place of a directory, and nothing unfinished stays', async () => {
    const { bucket, unfinished } = await openFresh();
    await bucket.writeObject('x/y.txt', Buffer.from('y'));
    expect(await faultOf(bucket.writeObject('x', Buffer.from('x')))).toBe('bucket_refused');
    expect(await unfinished()).toBe(0);
  });

  test('a directory that may not be written is a denied bucket', async () => {
    // Not even root makes a directory there.
    const bucket = openAt('/sys/edgetap', { allowed_roots: ['/sys'] });
    expect(await faultOf(bucket.writeObject('x.txt', Buffer.from('x')))).toBe('bucket_denied');
  });
});

describe('file: what a crash has left', () => {
  const bytes = Buffer.from('whole');
  test('of a small stream is known beforehand, and can be aborted', async () => {
    const { bucket, directory } = await openFresh();
    const begun: { key: string; upload_id: string }[] = [];
    const stored = await bucket.putStream('a.pcap', Readable.from([bytes]), {
      piece_bytes: 100,
      started: async (upload) => {
        begun.push(upload);
        await writeFile(join(directory, `.a.pcap.${'0'.repeat(32)}-1.partial`), 'left by a crash');
      },
    });
    expect(stored.size_bytes).toBe(5n);
    expect(begun).toEqual([{ key: 'a.pcap', upload_id: expect.stringMatching(/^[0-9a-f]{32}-1$/) }]);
    await bucket.abortUpload({ key: 'a.pcap', upload_id: `${'0'.repeat(32)}-1` });
    expect(await readdir(directory)).toEqual(['a.pcap']);
  });

  test('can be found', async () => {
    const { bucket, directory } = await openFresh();
    await bucket.writeObject('a.pcap', bytes);
    const begun = [];
    for (const key of ['a.pcap', 'b.pcap', 'b.pcap'])
      begun.push({ key, upload_id: await bucket.startUpload(key, 100) });
    await mkdir(join(directory, 'folder'));
    await writeFile(join(directory, '.hidden.partial'), 'of somebody else');
    const found = await unfinishedObjects(ownFileCalls, directory);
    expect(found.length).toBe(3);
    expect(found).toEqual(expect.arrayContaining(begun));
    for (const upload of found) await bucket.abortUpload(upload);
    expect(await unfinishedObjects(ownFileCalls, directory)).toEqual([]);
    expect(await unfinishedObjects(ownFileCalls, join(directory, 'nowhere'))).toEqual([]);
  });
});

test('a piece that the disk altered is found before the object appears', async () => {
  const { directory, bucket, content } = await openFresh();
  const upload_id = await bucket.startUpload('x.pcap', 10);
  const piece = { number: 1, length_bytes: 5, md5_base64: 'XUFAKrxLKna5cZ2REBfFkg==' };
  const { etag } = await put(await bucket.signPiece({ key: 'x.pcap', upload_id, piece }), Buffer.from('hello'));
  await writeFile(join(directory, `.x.pcap.${upload_id}.partial`), 'hellO');
  const pieces = [{ number: 1, length_bytes: 5, md5: '5d41402abc4b2a76b9719d911017c592', etag }];
  expect(await faultOf(bucket.completeUpload({ key: 'x.pcap', upload_id, pieces }))).toBe('bucket_checksum');
  expect(await content('x.pcap')).toBeUndefined();
});

test('a stream of 400 MB takes no more memory than its two pieces', async () => {
  const { bucket } = await openFresh();
  const chunk = randomBytes(1_000_000);
  async function* source(): AsyncGenerator<Uint8Array> {
    for (let count = 0; count < 400; count += 1) yield chunk;
  }
  const before_kib = process.resourceUsage().maxRSS;
  const { size_bytes } = await bucket.putStream('big.pcap', source(), { piece_bytes: 8_388_608 });
  expect(size_bytes).toBe(400_000_000n);
  expect(process.resourceUsage().maxRSS - before_kib).toBeLessThan(150_000);
  await bucket.removeObject('big.pcap');
});
