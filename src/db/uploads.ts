import { isFinal, statuses } from '../model/status.ts';
import type { Queries, Transaction } from './database.ts';
import type { UploadsTable } from './tables.ts';

const finalStatuses = statuses.filter(isFinal);

/** An upload of a capture that something may be left of: pieces in a user's bucket, or anything in the staging area. */
export type UploadRecord = Readonly<UploadsTable>;

/** Remembers an upload, before its first piece is sent. */
export async function insertUpload(tx: Transaction, upload: UploadRecord): Promise<void> {
  await tx.query.insertInto('uploads').values(upload).execute();
}

/** The remembered uploads of a capture. */
export async function uploadsOf(db: Queries, capture_id: string): Promise<readonly UploadRecord[]> {
  return await db.query
    .selectFrom('uploads')
    .selectAll()
    .where('capture_id', '=', capture_id)
    .orderBy('upload_id')
    .execute();
}

/** Forgets an upload: nothing is left of it, or nothing can be done about that. */
export async function deleteUpload(
  tx: Transaction,
  { capture_id, upload_id }: Pick<UploadRecord, 'capture_id' | 'upload_id'>,
): Promise<void> {
  await tx.query
    .deleteFrom('uploads')
    .where('capture_id', '=', capture_id)
    .where('upload_id', '=', upload_id)
    .execute();
}

/** The captures that are final and have remembered uploads: what a crash or a bucket out of reach has left to clear up. */
export async function capturesToClear(db: Queries): Promise<readonly string[]> {
  const rows = await db.query
    .selectFrom('uploads')
    .innerJoin('captures', 'captures.id', 'uploads.capture_id')
    .select('captures.id')
    .distinct()
    .where('captures.status', 'in', finalStatuses)
    .orderBy('captures.id')
    .execute();
  return rows.map((row) => row.id);
}
