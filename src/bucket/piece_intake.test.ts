import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Bucket } from './bucket.ts';
import { openFileBucket } from './file.ts';
import { type IntakeAnswer, type IntakeRequest, createPieceIntake } from './piece_intake.ts';

const signing_keys = [randomBytes(32)];
const second = 1_000_000_000n;
const start = 1_800_000_000n * second;
let root: string;
let bucket: Bucket;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'edgetap-intake-'));
  bucket = openIn(root);
});
afterAll(() => rm(root, { recursive: true }));

function openIn(directory: string): Bucket {
  return openFileBucket({
    destination: { scheme: 'file', directory },
    allowed_roots: [directory],
    intake_url: 'https://control.example/',
    signing_keys,
    now: () => start,
    random_bytes: (count) => randomBytes(count),
  });
}

async function* bodyOf(...chunks: string[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield Buffer.from(chunk);
}

interface Setting {
  readonly piece_bytes?: number;
  readonly length_bytes?: number;
  readonly roots?: readonly string[];
  readonly at?: bigint;
  readonly into?: Bucket;
}

/** Starts an upload, signs a piece of `hello`, and sends it changed in some way. */
async function send(
  change: Partial<IntakeRequest>,
  setting: Setting = {},
): Promise<IntakeAnswer & { readonly upload_id: string }> {
  const { piece_bytes = 10, length_bytes = 5, roots = [root], at = start, into = bucket } = setting;
  const upload_id = await into.startUpload('x.pcap', piece_bytes);
  const md5_base64 = createHash('md5').update('hello').digest('base64');
  const signed = await into.signPiece({ key: 'x.pcap', upload_id, piece: { number: 2, length_bytes, md5_base64 } });
  expect(signed.url).toMatch(/^https:\/\/control\.example\/intake\/pieces\?ticket=[\w.-]+$/);
  expect(signed).toMatchObject({ own: true, expires_at: start + 900n * second });
  const { pathname, search } = new URL(signed.url);
  const request = {
    method: 'PUT',
    url: pathname + search,
    headers: signed.headers,
    body: bodyOf('hel', 'lo'),
    ...change,
  };
  const intake = createPieceIntake({ allowed_roots: roots, signing_keys, now: () => at });
  return { ...(await intake(request)), upload_id };
}

test('a piece lands at its place', async () => {
  const answer = await send({});
  expect(answer).toMatchObject({ status: 200, headers: { etag: '"5d41402abc4b2a76b9719d911017c592"' }, body: '' });
  const file = await readFile(join(root, `.x.pcap.${answer.upload_id}.partial`));
  expect(file.toString('latin1')).toBe(`${'\0'.repeat(10)}hello`);
});

test('the MD5 header may be left out: the signature has it', async () => {
  expect(await send({ headers: { 'content-length': '5' } })).toMatchObject({ status: 200 });
});

test.each<[string, Partial<IntakeRequest>, Setting, number, string]>([
  ['another method', { method: 'POST' }, {}, 405, 'MethodNotAllowed'],
  ['no ticket', { url: '/intake/pieces' }, {}, 403, 'SignatureDoesNotMatch'],
  ['a forged ticket', { url: '/intake/pieces?ticket=W10.AAAA' }, {}, 403, 'SignatureDoesNotMatch'],
  ['at the last moment', {}, { at: start + 900n * second }, 403, 'AccessDenied'],
  ['no length', { headers: {} }, {}, 411, 'MissingContentLength'],
  ['another length', { headers: { 'content-length': '6' } }, {}, 403, 'SignatureDoesNotMatch'],
  ['another MD5', { headers: { 'content-length': '5', 'content-md5': 'x' } }, {}, 403, 'SignatureDoesNotMatch'],
  ['other bytes', { body: bodyOf('HELLO') }, {}, 400, 'BadDigest'],
  ['too few bytes', { body: bodyOf('hell') }, {}, 400, 'IncompleteBody'],
  ['too many bytes', { body: bodyOf('hello', 'hello') }, {}, 400, 'EntityTooLarge'],
  ['a piece longer than the upload has', {}, { piece_bytes: 4 }, 400, 'EntityTooLarge'],
  ['a root that is allowed no more', {}, { roots: ['/somewhere/else'] }, 403, 'AccessDenied'],
])('refused: %s', async (_, change, setting, status, code) => {
  const answer = await send(change, setting);
  expect(answer).toMatchObject({ status, headers: { connection: 'close', 'content-type': 'application/xml' } });
  expect(answer.body).toContain(`<Code>${code}</Code>`);
});

test('a piece that is not right replaces none that is, whenever it comes', async () => {
  const upload_id = await bucket.startUpload('z.pcap', 5);
  const intake = createPieceIntake({ allowed_roots: [root], signing_keys, now: () => start });
  const sent = async (signed_for: string, body: AsyncIterable<Uint8Array>): Promise<number> => {
    const md5_base64 = createHash('md5').update(signed_for).digest('base64');
    const order = { key: 'z.pcap', upload_id, piece: { number: 1, length_bytes: 5, md5_base64 } };
    const { url, headers } = await bucket.signPiece(order);
    const { pathname, search } = new URL(url);
    return (await intake({ method: 'PUT', url: pathname + search, headers, body })).status;
  };
  const content = async (): Promise<string> => await readFile(join(root, `.z.pcap.${upload_id}.partial`), 'utf8');
  expect(await sent('hello', bodyOf('hello'))).toBe(200);
  expect(await sent('hello', bodyOf('HE', 'LLO'))).toBe(400);
  expect(await sent('hello', bodyOf('HE'))).toBe(400);
  expect(await sent('hello', cut())).toBe(500);
  expect(await content()).toBe('hello');
  // One that is still coming does not come after the next.
  const slow = Promise.withResolvers<void>();
  const first = sent(
    'other',
    (async function* () {
      yield Buffer.from('o');
      await slow.promise;
      yield Buffer.from('XXXX');
    })(),
  );
  const next = sent('world', bodyOf('wor', 'ld'));
  slow.resolve();
  expect([await first, await next]).toEqual([400, 200]);
  expect(await content()).toBe('world');
  expect((await readdir(root)).filter((name) => name.includes('z.pcap'))).toEqual([`.z.pcap.${upload_id}.partial`]);
});

test('one moment before it expires it is good', async () => {
  expect(await send({}, { at: start + 900n * second - 1n })).toMatchObject({ status: 200 });
});

async function* cut(): AsyncGenerator<Uint8Array> {
  yield Buffer.from('he');
  throw Object.assign(new Error('aborted'), { code: 'ECONNRESET' });
}

test('a connection that is cut is an answer too, not a crash', async () => {
  expect(await send({ body: cut() })).toMatchObject({ status: 500, body: expect.stringContaining('ECONNRESET') });
});

const is_root = process.getuid?.() === 0;
if (!is_root && process.env['CI'] !== undefined) throw new Error('the full disk needs root');
if (!is_root) process.emitWarning('SKIPPED: the full disk needs root');
test.skipIf(!is_root)('a full disk is 507, which is worth another try', async () => {
  const small = await mkdtemp(join(tmpdir(), 'edgetap-small-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'edgetap-test', small]);
  try {
    const body = bodyOf('x'.repeat(100_000));
    const setting = { piece_bytes: 200_000, length_bytes: 100_000, roots: [small], into: openIn(small) };
    const headers = { 'content-length': '100000' };
    expect(await send({ body, headers }, setting)).toMatchObject({ status: 507 });
  } finally {
    execFileSync('umount', [small]);
    await rm(small, { recursive: true });
  }
});
