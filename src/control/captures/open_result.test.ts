import { createHash, randomBytes } from 'node:crypto';
import { appendFileSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterAll, describe, expect, test } from 'vitest';
import type { Bucket } from '../../bucket/bucket.ts';
import { LimitCounts } from '../../model/limit_counts.ts';
import { limitFallbacks } from '../../model/shared_limits.ts';
import { CheckedVersions } from './checked_versions.ts';
import { KeptContent } from './kept_content.ts';
import { openResult, type ResultChecking } from './open_result.ts';
import { makeTestFileBucket } from './test_file_bucket.ts';

const made = makeTestFileBucket();
afterAll(() => made.remove());
const { directory, bucket: results } = made;
const filename = 'pcap_1.pcap';
const path = join(directory, filename);
const ranges = [undefined, { start: 0, end: 0 }, { start: 1000, end: 1999 }] as const;

const nothingChecked = (): ResultChecking => ({
  account_id: 'a',
  kept: new KeptContent(),
  checked: new CheckedVersions(new LimitCounts(limitFallbacks)),
});

/** A result as it is written, and what the database keeps of it. */
async function written(length: number): Promise<{ bytes: Buffer; known: Parameters<typeof openResult>[1] }> {
  const bytes = randomBytes(length);
  await results.writeObject(filename, bytes);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return { bytes, known: { filename, size_bytes: BigInt(length), sha256 } };
}

test.each([0, 5000, 1 << 20, 17 << 20])(
  'a result of %s bytes is given as it was written, whole or in part',
  async (length) => {
    const { bytes, known } = await written(length);
    for (const range of ranges) {
      const given = await buffer(await openResult(results, known, range, nothingChecked()));
      expect(given.equals(range === undefined ? bytes : bytes.subarray(range.start, range.end + 1))).toBe(true);
    }
  },
);

const damages: readonly (readonly [string, () => void])[] = [
  ['cut in half', () => truncateSync(path, 2500)],
  ['cut to its header', () => truncateSync(path, 24)],
  ['cut to nothing', () => truncateSync(path, 0)],
  [
    'with a bit changed',
    () =>
      writeFileSync(
        path,
        readFileSync(path).map((byte, at) => (at === 4000 ? byte ^ 1 : byte)),
      ),
  ],
  ['with a page of zeros', () => writeFileSync(path, readFileSync(path).fill(0, 0, 4096))],
  ['replaced by an older one', () => writeFileSync(path, randomBytes(readFileSync(path).length))],
  ['extended', () => appendFileSync(path, 'x')],
  ['gone', () => rmSync(path)],
];
describe.each([5000, 1 << 20])('of %s bytes', (length) => {
  test.each(damages)('one that is %s is not given out, not in part either', async (_, damage) => {
    const { known } = await written(length);
    const checking = nothingChecked();
    await buffer(await openResult(results, known, undefined, checking));
    damage();
    for (const range of ranges) {
      await expect(openResult(results, known, range, checking)).rejects.toMatchObject({
        faults: [{ name: 'result_damaged', message: expect.stringContaining(filename) }],
      });
    }
  });
});

test('a long one is read through once for all who ask, until it is written', async () => {
  const { known } = await written(1 << 20);
  let opened = 0;
  const counted: Bucket = {
    ...results,
    readObject: async (key, range, chunk_bytes) => {
      if (range === undefined) opened += 1;
      return await results.readObject(key, range, chunk_bytes);
    },
  };
  const checking = nothingChecked();
  const part = async (): Promise<Buffer> =>
    await buffer(await openResult(counted, known, { start: 1, end: 2 }, checking));
  await Promise.all([part(), part(), part()]);
  await part();
  expect(opened).toBe(1);
  writeFileSync(path, readFileSync(path));
  await part();
  expect(opened).toBe(2);
});

test('what many clients do not read is not all kept, and comes whole all the same', async () => {
  const { bytes, known } = await written(4 << 20);
  const kept = new KeptContent();
  const bodies = await Promise.all(
    Array.from({ length: 8 }, async () => await openResult(results, known, undefined, { ...nothingChecked(), kept })),
  );
  expect(kept.reserve(1)).toBeUndefined();
  for (const body of bodies) expect((await buffer(body)).equals(bytes)).toBe(true);
  expect(kept.reserve(16 << 20)).toBeDefined();
});
