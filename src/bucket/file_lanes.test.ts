import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { mkdir, mkdtemp, open, readFile, readdir, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { faultOf } from './bucket_suite.ts';
import { openFileBucket } from './file.ts';
import { FileLanes } from './file_lanes.ts';

const { O_CREAT, O_RDONLY, O_WRONLY } = constants;
let directory: string;
let lanes: FileLanes;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'edgetap-lanes-'));
  lanes = new FileLanes({ threads_max: 4, per_owner: 3, per_directory: 2, call_ms: 500 });
});
afterEach(async () => {
  await lanes.close();
  await rm(directory, { recursive: true });
});

/** Opening it for writing hangs until it is opened for reading: a file system that does not answer. */
function hangingFile(name: string): string {
  const path = join(directory, name);
  execFileSync('mkfifo', [path]);
  return path;
}

/** How many descriptors this process has of a file. */
async function openCount(path: string): Promise<number> {
  const names = await readdir('/proc/self/fd');
  const paths = await Promise.all(names.map((name) => readlink(`/proc/self/fd/${name}`).catch(() => '')));
  return paths.filter((one) => one === path).length;
}

async function allTimeOut(calls: readonly Promise<unknown>[]): Promise<void> {
  await Promise.all(calls.map(async (one) => await expect(one).rejects.toMatchObject({ code: 'ETIMEDOUT' })));
}

test('what calls do, and what they fail with', async () => {
  const calls = lanes.calls('a', directory);
  const path = join(directory, 'file');
  const file = await calls.open(path, O_CREAT | O_WRONLY, 0o600);
  const bytes = randomBytes(300_000);
  await file.writeAll(bytes.subarray(0, 100_000), 0);
  await file.writeAll(bytes.subarray(100_000), 100_000);
  await file.datasync();
  await file.sync();
  expect(await file.stat()).toMatchObject({ size: bytes.length, nlink: 1 });
  await file.close();
  // What was written is here still.
  expect(await readFile(path)).toEqual(bytes);
  const read = await calls.open(path, O_RDONLY);
  expect(Buffer.from(await read.read(new Uint8Array(10), 5))).toEqual(bytes.subarray(5, 15));
  expect(await buffer(read.stream(7, 200_006, 65_536))).toEqual(bytes.subarray(7, 200_007));
  expect(await openCount(path)).toBe(0);
  await calls.mkdir(join(directory, 'd'), 0o750);
  await calls.rename(path, join(directory, 'd/other'));
  expect(await calls.readdir(directory)).toEqual(['d']);
  await calls.requireWritable(directory);
  await calls.unlink(join(directory, 'd/other'));
  await expect(calls.stat(path)).rejects.toMatchObject({ code: 'ENOENT', errno: expect.any(Number) });
});

test('one that hangs fails in time, and then every other of its directory at once; no other directory waits', async () => {
  const paths = ['one', 'two'].map(hangingFile);
  const calls = lanes.calls('a', directory);
  const hanging = paths.map(async (path) => await calls.open(path, O_WRONLY));
  // Behind them.
  const waiting = calls.stat(directory);
  await allTimeOut([...hanging, waiting]);
  expect(lanes.stuck).toBe(2);
  await expect(calls.stat(directory)).rejects.toMatchObject({ code: 'ETIMEDOUT' });
  await lanes.calls('a', '/other').stat(directory);
  await lanes.calls('b', directory).stat(directory);
  // As a bucket has it.
  const bucket = openFileBucket({
    destination: { scheme: 'file', directory },
    allowed_roots: [directory],
    calls,
    intake_url: 'http://127.0.0.1:1',
    signing_keys: [new Uint8Array(32)],
    now: () => 0n,
    random_bytes: (count) => randomBytes(count),
  });
  expect(await faultOf(bucket.writeObject('x', new Uint8Array(1)))).toBe('bucket_unreachable');
  // It answers again: what was opened too late for anybody is closed.
  const readers = await Promise.all(paths.map(async (path) => await open(path, O_RDONLY)));
  await expect
    .poll(
      async () =>
        await calls.stat(directory).then(
          () => lanes.stuck,
          () => -1,
        ),
    )
    .toBe(0);
  for (const [index, path] of paths.entries()) {
    await readers[index]?.close();
    await expect.poll(async () => await openCount(path)).toBe(0);
  }
  await bucket.writeObject('x', new Uint8Array(1));
});

test('an owner whose directories all hang has no more than its threads, and nobody else waits for them', async () => {
  const paths = ['one', 'two', 'three', 'four'].map(hangingFile);
  const all = paths.map(async (path) => await lanes.calls('a', path).open(path, O_WRONLY));
  await allTimeOut(all);
  expect(lanes.stuck).toBe(3);
  expect([lanes.running, lanes.most_running]).toEqual([3, 3]);
  await expect(lanes.calls('a', '/other').stat(directory)).rejects.toMatchObject({ code: 'ETIMEDOUT' });
  await lanes.calls('b', '/other').stat(directory);
  for (const path of paths) await (await open(path, constants.O_RDWR)).close();
  await expect.poll(() => lanes.stuck).toBe(0);
});

test('what is to be closed while its file system hangs is closed once it answers', async () => {
  const path = join(directory, 'file');
  await writeFile(path, 'x');
  const calls = lanes.calls('a', directory);
  const file = await calls.open(path, O_RDONLY);
  const hung = hangingFile('one');
  await expect(calls.open(hung, O_WRONLY)).rejects.toMatchObject({ code: 'ETIMEDOUT' });
  const second = hangingFile('two');
  await expect(calls.open(second, O_WRONLY)).rejects.toMatchObject({ code: 'ETIMEDOUT' });
  await file.close();
  expect(await openCount(path)).toBe(1);
  for (const one of [hung, second]) await (await open(one, constants.O_RDWR)).close();
  await expect.poll(async () => await openCount(path)).toBe(0);
  await mkdir(join(directory, 'after'));
});
