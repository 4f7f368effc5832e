import type { Bucket } from '../../bucket/bucket.ts';
import type { FileCalls } from '../../bucket/file_calls.ts';
import { unfinishedObjects } from '../../bucket/unfinished_objects.ts';
import { unfinishedCaptures } from '../../db/captures.ts';
import type { Database } from '../../db/database.ts';
import { uploadsOf } from '../../db/uploads.ts';
import { parseDestination } from '../../model/destination.ts';
import { type Fault, FaultError } from '../../model/errors/fault.ts';
import { resultName } from './place_of.ts';

/** What finding strays takes. */
export interface StrayDeps {
  readonly db: Database;
  readonly results: Bucket;
  readonly staging: Bucket;
  /** Gives the file calls for a directory. */
  readonly callsOf: (directory: string) => FileCalls;
  readonly openOwnership: (ownershipId: string) => Promise<Bucket>;
  warn(fault: Fault, context: string): void;
}

/**
 * Aborts the uploads in directories that nobody knows of: a control that is killed between beginning one and writing that
 * down leaves such. To be called by the only control, before it does anything else. Buckets that are not directories have
 * rules of their own for that.
 */
export async function abandonStrays(deps: StrayDeps): Promise<void> {
  const { db, results, staging } = deps;
  // A look-back's file is made anew from the beginning.
  await abandon(deps, results, async () => true);
  await abandon(deps, staging, async (key, id) => !(await isKnown(db, key.slice(0, 32), id)));
  // All at once: one whose file system hangs holds up no other.
  const each = (await unfinishedCaptures(db)).map(async (record) => {
    if (record.spec.type !== 'full' || !record.spec.destination_conf.startsWith('file:')) return;
    const { ownership_id } = record.spec;
    await leniently(deps, record.id, async () => {
      const isStray = async (key: string, id: string): Promise<boolean> =>
        key === resultName(record) && !(await isKnown(db, record.id, id));
      await abandon(deps, await deps.openOwnership(ownership_id), isStray);
    });
  });
  await Promise.all(each);
}

async function isKnown(db: Database, captureId: string, upload_id: string): Promise<boolean> {
  return (await uploadsOf(db, captureId)).some((upload) => upload.upload_id === upload_id);
}

async function abandon(
  deps: StrayDeps,
  bucket: Bucket,
  isStray: (key: string, upload_id: string) => Promise<boolean>,
): Promise<void> {
  const parsed = parseDestination(bucket.destination, '');
  if (!parsed.ok || parsed.value.destination.scheme !== 'file') return;
  const { directory } = parsed.value.destination;
  for (const upload of await unfinishedObjects(deps.callsOf(directory), directory)) {
    if (!(await isStray(upload.key, upload.upload_id))) continue;
    await leniently(deps, upload.key, async () => await bucket.abortUpload(upload));
  }
}

async function leniently(deps: StrayDeps, what: string, run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (!(error instanceof FaultError)) throw error;
    deps.warn(error.faults[0], `what a crash may have left of ${what}`);
  }
}
