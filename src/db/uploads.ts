import { isFinal, statuses } from '../model/status.ts';
import { mustBe, readableOne, reading } from './damaged_row.ts';
import type { Queries, Transaction } from './database.ts';
import type { UploadsTable } from './tables.ts';

const finalStatuses = statuses.filter(isFinal);

/** An upload of a capture that something may be left of: pieces in a user's bucket, or anything in the staging area. */
export type UploadRecord = Readonly<Omit<UploadsTable, 'sums'>>;

/** Where a record of a staged part ends, with the packets and captured bytes before that, and the CRC-32 of everything before it. */
export interface StagedSum {
  readonly end_bytes: number;
  readonly packets: number;
  readonly bytes: number;
  readonly checksum: number;
}

/** Remembers an upload, before its first piece is sent. */
export async function insertUpload(tx: Transaction, upload: UploadRecord): Promise<void> {
  await tx.query.insertInto('uploads').values(upload).execute();
}

/** The remembered uploads of a capture. */
export async function uploadsOf(db: Queries, capture_id: string): Promise<readonly UploadRecord[]> {
  return await db.query
    .selectFrom('uploads')
    .select(['capture_id', 'upload_id', 'object_key', 'place'])
    .where('capture_id', '=', capture_id)
    .orderBy('upload_id')
    .execute();
}

/** Remembers what a staged part was when it was written. */
export async function keepStagedSums(
  tx: Transaction,
  { capture_id, upload_id }: Pick<UploadRecord, 'capture_id' | 'upload_id'>,
  sums: readonly StagedSum[],
): Promise<void> {
  await tx.query
    .updateTable('uploads')
    .set({ sums: JSON.stringify(sums) })
    .where('capture_id', '=', capture_id)
    .where('upload_id', '=', upload_id)
    .execute();
}

/** What the parts of a capture in the staging area were when they were written, by upload. */
export async function stagedSumsOf(
  db: Queries,
  capture_id: string,
): Promise<ReadonlyMap<string, readonly StagedSum[]>> {
  const rows = await db.query
    .selectFrom('uploads')
    .select(['upload_id', 'sums'])
    .where('capture_id', '=', capture_id)
    .execute();
  return new Map(
    rows.flatMap(({ upload_id, sums }) => {
      // Without sums a staged part is read as one that was staged before they were kept.
      const known = sums === null ? undefined : readableOne(db, () => readSums(capture_id, sums));
      return known === undefined ? [] : [[upload_id, known] as const];
    }),
  );
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

function readSums(capture_id: string, text: string): readonly StagedSum[] {
  return reading(`the sums of a staged part of capture ${capture_id}`, () => {
    const sums: unknown = JSON.parse(text);
    mustBe(Array.isArray(sums) && sums.every(isSum), 'a sum');
    return sums as readonly StagedSum[];
  });
}

function isSum(value: unknown): value is StagedSum {
  if (typeof value !== 'object' || value === null) return false;
  const { end_bytes, packets, bytes, checksum } = value as Partial<Record<keyof StagedSum, unknown>>;
  return [end_bytes, packets, bytes, checksum].every(Number.isSafeInteger);
}
