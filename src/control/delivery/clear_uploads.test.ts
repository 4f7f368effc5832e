import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Bucket } from '../../bucket/bucket.ts';
import { openFileBucket } from '../../bucket/file.ts';
import { captureById, insertCapture, updateCapture } from '../../db/captures.ts';
import type { Database } from '../../db/database.ts';
import { openDatabase } from '../../db/open_database.ts';
import { plainAccount, plainCapture } from '../../db/suite/samples.ts';
import { uploadsOf } from '../../db/uploads.ts';
import type { FaultName } from '../../model/errors/catalogue.ts';
import { raise } from '../../model/errors/fault.ts';
import type { CaptureRecord } from '../../model/record.ts';
import { abandonUpload, type ClearDeps, clearUploads, rememberStaged, rememberUpload } from './clear_uploads.ts';

const day_ns = 86_400_000_000_000n;
let folder: string;
let db: Database;
let now = 1n;
let record: CaptureRecord;
let deps: ClearDeps;
let warned: string[] = [];
/** What the user's bucket answers to an abort. */
let refusal: FaultName | undefined;

function open(name: string): Bucket {
  return openFileBucket({
    destination: { scheme: 'file', directory: join(folder, name) },
    allowed_roots: [folder],
    intake_url: 'http://127.0.0.1:1',
    signing_keys: [new Uint8Array(32)],
    now: () => now,
    random_bytes: (count) => randomBytes(count),
  });
}

const files = (name: string): string[] => (existsSync(join(folder, name)) ? readdirSync(join(folder, name)) : []);

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'edgetap-clear-'));
  now = 1n;
  db = await openDatabase({ url: ':memory:', clock: () => (now += 1n) });
  const { account_id } = await plainAccount(db);
  record = plainCapture(account_id, { status: 'failed', submitted: 0n, ended_at: 10n });
  await db.transaction((tx) => insertCapture(tx, record));
  warned = [];
  refusal = undefined;
  const bucket = open('bucket');
  deps = {
    db,
    staging: open('staging'),
    buckets: {
      ofCapture: async () => ({
        ...bucket,
        abortUpload: async (upload) => {
          if (refusal !== undefined) raise(refusal, { destination: 's3://b', reason: 'x', code: 'x' });
          await bucket.abortUpload(upload);
        },
      }),
    },
    warn: (fault, context) => warned.push(`${fault.name} ${context}`),
  };
});
afterEach(async () => {
  await db.close();
  await rm(folder, { recursive: true });
});

/** An upload in the user's bucket, and one in staging with its object. */
async function begin(): Promise<void> {
  const bucket = await deps.buckets.ofCapture(record);
  const key = 'x.pcap';
  await rememberUpload(db, record.id, 'bucket', { key, upload_id: await bucket.startUpload(key, 100) });
  await rememberUpload(db, record.id, 'staging', { key, upload_id: await deps.staging.startUpload(key, 100) });
  await deps.staging.writeObject(key, Buffer.from('x'));
  await bucket.writeObject(key, Buffer.from('x'));
  expect([files('bucket').length, files('staging').length]).toEqual([2, 2]);
}

describe('what a capture leaves', () => {
  test('an object that was staged in one go is removed, whether it was written or not', async () => {
    await rememberStaged(db, record.id, 'a.pcap');
    await rememberStaged(db, record.id, 'a.pcap');
    await rememberStaged(db, record.id, 'b.pcap');
    await deps.staging.writeObject('a.pcap', Buffer.from('x'));
    expect(await uploadsOf(db, record.id)).toHaveLength(2);
    refusal = 'bucket_denied';
    await clearUploads(deps, record);
    expect(files('staging')).toEqual([]);
    expect(await uploadsOf(db, record.id)).toEqual([]);
    expect(warned).toEqual([]);
  });

  test('is aborted; what is staged is removed, an object of the user is not', async () => {
    await begin();
    await clearUploads(deps, record);
    expect(files('bucket')).toEqual(['x.pcap']);
    expect(files('staging')).toEqual([]);
    expect(await uploadsOf(db, record.id)).toEqual([]);
    await clearUploads(deps, record);
    expect(warned).toEqual([]);
  });

  test.each(['bucket_denied', 'bucket_missing', 'bucket_read_failed', 'endpoint_refused'] as const)(
    'a bucket that says %s is left as it is, and told once; the rest is cleared up',
    async (name) => {
      await begin();
      refusal = name;
      await clearUploads(deps, record);
      await clearUploads(deps, record);
      expect(warned).toEqual([`${name} clearing up after capture ${record.id}`]);
      expect(await uploadsOf(db, record.id)).toEqual([]);
      expect(files('staging')).toEqual([]);
    },
  );

  test('a bucket that cannot be reached is tried again, for a day after the end', async () => {
    await begin();
    refusal = 'bucket_unreachable';
    await clearUploads(deps, record);
    expect(await uploadsOf(db, record.id)).toMatchObject([{ place: 'bucket' }]);
    now = 10n + day_ns - 100n;
    await clearUploads(deps, record);
    expect(await uploadsOf(db, record.id)).toHaveLength(1);
    now = 10n + day_ns;
    await clearUploads(deps, record);
    expect(await uploadsOf(db, record.id)).toEqual([]);
    expect(warned).toHaveLength(3);
  });

  test('of one that goes on, a single upload can be given up', async () => {
    await db.transaction(async (tx) => await updateCapture(tx, record.id, record.version, { status: 'running' }));
    await begin();
    const going = (await captureById(db, record.id)) ?? record;
    const staged = (await uploadsOf(db, record.id)).find((one) => one.place === 'staging');
    if (staged === undefined) throw new Error('there is one');
    await abandonUpload(deps, going, staged);
    expect(files('staging')).toEqual(['x.pcap']);
    expect(await uploadsOf(db, record.id)).toMatchObject([{ place: 'bucket' }]);
  });
});
