import type { Bucket } from '../../bucket/bucket.ts';
import type { Database } from '../../db/database.ts';
import { ownershipById } from '../../db/ownerships.ts';
import { raise } from '../../model/errors/fault.ts';
import type { CaptureRecord } from '../../model/record.ts';

/** The users' buckets behind captures. */
export interface CaptureBuckets {
  /** The bucket that a full capture is delivered into, opened with the account's own credentials. */
  ofCapture(record: CaptureRecord): Promise<Bucket>;
}

/** Opens each ownership's bucket once and keeps it open while it is used, until it is removed. */
export function createCaptureBuckets(
  db: Database,
  openOwnership: (ownershipId: string) => Promise<Bucket>,
  keep_count: number,
): CaptureBuckets {
  const open = new Map<string, Promise<Bucket>>();
  return {
    ofCapture: async (record) => {
      if (record.spec.type !== 'full') return raise('not_found', { what: 'bucket' });
      const id = record.spec.ownership_id;
      if ((await ownershipById(db, id))?.removed_at !== undefined) open.delete(id);
      const known = open.get(id);
      if (known !== undefined) return await known;
      const opening = openOwnership(id);
      open.set(id, opening);
      opening.catch(() => open.delete(id));
      for (const oldest of open.keys()) {
        if (open.size <= keep_count) break;
        open.delete(oldest);
      }
      return await opening;
    },
  };
}
