import { createHash, randomBytes } from 'node:crypto';
import { appendFileSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterAll, expect, test } from 'vitest';
import type { Bucket } from '../../bucket/bucket.ts';
import { LimitCounts } from '../../model/limit_counts.ts';
import { limitFallbacks } from '../../model/shared_limits.ts';
import { CheckedVersions } from './checked_versions.ts';
import { openDelivered } from './open_delivered.ts';
import type { Checking } from './open_result.ts';
import { makeTestFileBucket } from './test_file_bucket.ts';

const made = makeTestFileBucket();
afterAll(() => made.remove());
const { directory, bucket } = made;
const filename = 'pcap_1.pcap';
const path = join(directory, filename);
const length = 3_000_000;

const nothingChecked = (): Checking => ({
  account_id: 'a',
  checked: new CheckedVersions(new LimitCounts(limitFallbacks)),
});

/** A delivered file, and what the database keeps of it. */
async function delivered(bytes = randomBytes(length)): Promise<Parameters<typeof openDelivered>[1]> {
  await bucket.writeObject(filename, bytes);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return { filename, size_bytes: BigInt(bytes.length), sha256 };
}

test.each([0, 24, length])('a file of %s bytes is given as it was delivered, whole or in part', async (size) => {
  const bytes = randomBytes(size);
  const known = await delivered(bytes);
  expect((await buffer(await openDelivered(bucket, known, undefined, nothingChecked()))).equals(bytes)).toBe(true);
  if (size === 0) return;
  const part = await buffer(await openDelivered(bucket, known, { start: 5, end: 20 }, nothingChecked()));
  expect(part.equals(bytes.subarray(5, 21))).toBe(true);
});

test.each([
  [
    'with a bit changed',
    () =>
      writeFileSync(
        path,
        readFileSync(path).map((byte, at) => (at === 2_999_999 ? byte ^ 1 : byte)),
      ),
  ],
  ['with a page of zeros', () => writeFileSync(path, readFileSync(path).fill(0, 8192, 12_288))],
  ['replaced by another as long', () => writeFileSync(path, randomBytes(length))],
])('one that is %s is not given out, not in part either, and the reason told', async (_, damage) => {
  const known = await delivered();
  const checked = nothingChecked();
  await buffer(await openDelivered(bucket, known, { start: 0, end: 0 }, checked));
  damage();
  for (const range of [undefined, { start: 0, end: 9 }]) {
    await expect(openDelivered(bucket, known, range, checked)).rejects.toMatchObject({
      faults: [{ name: 'delivered_changed', message: expect.stringContaining('(it has another SHA-256)') as unknown }],
    });
  }
});

test('one elsewhere that is another is cut where it is given out, and the reason told', async () => {
  const known = await delivered();
  writeFileSync(path, randomBytes(length));
  const elsewhere: Bucket = {
    ...bucket,
    readObject: async (key, range) => {
      const { version: _version, ...content } = await bucket.readObject(key, range);
      return content;
    },
  };
  const body = await openDelivered(elsewhere, known, undefined, nothingChecked());
  let given = 0;
  const read = (async () => {
    for await (const chunk of body as AsyncIterable<Uint8Array>) given += chunk.length;
  })();
  await expect(read).rejects.toMatchObject({ faults: [{ name: 'delivered_changed' }] });
  expect(given).toBeLessThan(length);
});

test('it is read through once for all who ask, until it is written', async () => {
  const known = await delivered();
  let opened = 0;
  const counted: Bucket = {
    ...bucket,
    readObject: async (key, range) => {
      if (range === undefined) opened += 1;
      return await bucket.readObject(key, range);
    },
  };
  const checked = nothingChecked();
  const part = async (): Promise<Buffer> =>
    await buffer(await openDelivered(counted, known, { start: 1, end: 2 }, checked));
  await Promise.all([part(), part(), part()]);
  await part();
  expect(opened).toBe(1);
  writeFileSync(path, readFileSync(path));
  await part();
  expect(opened).toBe(2);
});

test.each([
  ['cut', () => truncateSync(path, 2500)],
  ['extended', () => appendFileSync(path, 'x')],
])('one that is %s is not given out, not in part either', async (_, damage) => {
  const known = await delivered();
  damage();
  for (const range of [undefined, { start: 0, end: 9 }]) {
    await expect(openDelivered(bucket, known, range, nothingChecked())).rejects.toThrow(
      /bytes and was delivered with 3000000/,
    );
  }
});
