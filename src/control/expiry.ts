import { pruneAudit } from '../db/audit.ts';
import { deleteCapture, expiredCaptures } from '../db/captures.ts';
import { pruneCreates } from '../db/creates.ts';
import type { Database } from '../db/database.ts';
import { pruneLeases } from '../db/leases.ts';
import type { AccountUsage } from '../model/account_usage.ts';
import type { CaptureRecord } from '../model/record.ts';
import { forgetUsed } from './captures/forget_used.ts';
import { operatorOf, type RandomBytes, writeAudit } from './audit.ts';

const batch_count = 100;
const audit_count = 1000;

/** What expiry needs. */
export interface ExpiryDeps {
  readonly db: Database;
  /** How long a capture is kept after its end. */
  readonly keep_ns: bigint;
  /** How long an audit row is kept. */
  readonly keep_audit_ns: bigint;
  /** Removes the result files that are edgetap's own, never an object in a user's bucket. One that is gone is well. */
  readonly removeResult: (record: CaptureRecord) => Promise<void>;
  readonly usage: AccountUsage;
  readonly random: RandomBytes;
}

/** What one run did. */
export interface Expired {
  readonly expired: number;
  /** Captures whose files could not be removed: they stay, and the next run tries again. */
  readonly failed: readonly { readonly id: string; readonly error: unknown }[];
}

/**
 * Removes the captures that ended longer ago than they are kept: first the files, then the rows, so that a crash between the
 * two leaves nothing that no row knows. Also forgets claims on creates that nothing can repeat any more, and leases that nobody
 * holds. Audit rows outlive what they tell of, as long as they are kept.
 */
export async function expire({
  db,
  keep_ns,
  keep_audit_ns,
  removeResult,
  usage,
  random,
}: ExpiryDeps): Promise<Expired> {
  const now = await db.now();
  const failed: { id: string; error: unknown }[] = [];
  let expired = 0;
  let last: CaptureRecord | undefined;
  for (;;) {
    const batch = await expiredCaptures(db, now - keep_ns, batch_count, last);
    if (batch.length === 0) break;
    for (const record of batch) {
      last = record;
      try {
        await removeResult(record);
      } catch (error) {
        failed.push({ id: record.id, error });
        continue;
      }
      await db.transaction(async (tx) => {
        await deleteCapture(tx, record.id);
        const entry = { action: 'capture.expire', subject: record.id, detail: record.status } as const;
        await writeAudit(tx, { ...operatorOf(record.account_id), principal_id: 'edgetap' }, entry, random);
      });
      forgetUsed(usage, record);
      expired += 1;
    }
  }
  await db.transaction(async (tx) => {
    await pruneCreates(tx, now);
    await pruneLeases(tx, now);
  });
  // Moments of the audit are the wall clock's, of which a step must not take all.
  const audit_before = db.clock.toWall(now - keep_audit_ns);
  while ((await db.transaction(async (tx) => await pruneAudit(tx, audit_before, audit_count))) === audit_count);
  return { expired, failed };
}
