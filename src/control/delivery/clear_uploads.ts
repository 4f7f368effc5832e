import type { Bucket, Upload } from '../../bucket/bucket.ts';
import type { Database } from '../../db/database.ts';
import { deleteUpload, insertUpload, type UploadRecord, uploadsOf } from '../../db/uploads.ts';
import { type Fault, FaultError } from '../../model/errors/fault.ts';
import type { CaptureRecord } from '../../model/record.ts';
import type { CaptureBuckets } from './capture_buckets.ts';

const day_ns = 86_400_000_000_000n;

/** What clearing up takes. */
export interface ClearDeps {
  readonly db: Database;
  readonly buckets: CaptureBuckets;
  readonly staging: Bucket;
  /** The operator is told. */
  warn(fault: Fault, context: string): void;
}

/** Remembers an upload of a capture before its first piece is sent, so that it can be aborted whatever happens. */
export async function rememberUpload(
  db: Database,
  capture_id: string,
  place: 'bucket' | 'staging',
  { key, upload_id }: Upload,
): Promise<void> {
  await db.transaction(async (tx) => {
    await insertUpload(tx, { capture_id, upload_id, object_key: key, place });
  });
}

/** Remembers an object of the staging area before it is written in one go, so that it can be removed whatever happens. */
export async function rememberStaged(db: Database, capture_id: string, object_key: string): Promise<void> {
  await db.transaction(async (tx) => {
    const known = await uploadsOf(tx, capture_id);
    if (known.some((one) => one.upload_id === object_key)) return;
    await insertUpload(tx, { capture_id, upload_id: object_key, object_key, place: 'staged' });
  });
}

/** Aborts one upload and forgets it. Whatever keeps it from that is told, and no reason to stop. */
export async function abandonUpload(deps: ClearDeps, record: CaptureRecord, upload: UploadRecord): Promise<void> {
  await clear(deps, record, upload, async (bucket) => {
    await bucket.abortUpload({ key: upload.object_key, upload_id: upload.upload_id });
  });
}

/** Aborts the uploads that a capture still has and removes what it has staged: for one that is over. */
export async function clearUploads(deps: ClearDeps, record: CaptureRecord): Promise<void> {
  for (const upload of await uploadsOf(deps.db, record.id)) {
    await clear(deps, record, upload, async (bucket) => {
      if (upload.place !== 'staged') {
        await bucket.abortUpload({ key: upload.object_key, upload_id: upload.upload_id });
      }
      if (upload.place !== 'bucket') await bucket.removeObject(upload.object_key);
    });
  }
}

/** A bucket that cannot be reached is tried again some time, for a day after the capture's end; one that refuses, or is gone, is left as it is. */
async function clear(
  deps: ClearDeps,
  record: CaptureRecord,
  upload: UploadRecord,
  run: (bucket: Bucket) => Promise<void>,
): Promise<void> {
  try {
    await run(upload.place === 'bucket' ? await deps.buckets.ofCapture(record) : deps.staging);
  } catch (error) {
    if (!(error instanceof FaultError)) throw error;
    deps.warn(error.faults[0], `clearing up after capture ${record.id}`);
    const given_up = (await deps.db.now()) > (record.ended_at ?? record.submitted + day_ns) + day_ns;
    if (error.faults[0].name === 'bucket_unreachable' && !given_up) return;
  }
  await deps.db.transaction(async (tx) => await deleteUpload(tx, upload));
}
