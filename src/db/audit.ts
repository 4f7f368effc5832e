import type { TimeNs } from '../model/time.ts';
import { builtInsert } from './built_once.ts';
import type { Queries, Transaction } from './database.ts';

/** One thing that was done, by whom, to what. Rows are added and grow old: there is no function that changes what one tells. */
export interface AuditRecord {
  readonly id: string;
  readonly at: TimeNs;
  readonly account_id: string;
  readonly principal_id: string;
  readonly action: string;
  /** The id of what it was done to. */
  readonly subject: string;
  /** For people; never a secret. */
  readonly detail: string;
  /** The client's address. */
  readonly address: string;
  /** How many times it was done: within a minute to this subject, or within an hour to any. */
  readonly times: bigint;
}

const insertRow = builtInsert('audit');

/** Adds a row, in the transaction of what it tells of. */
export async function insertAudit(tx: Transaction, record: Omit<AuditRecord, 'times'>): Promise<void> {
  await insertRow(tx, record);
}

/** What a row tells of was done so many times more; false where there is no such row. */
export async function countAudit(tx: Transaction, id: string, more: number): Promise<boolean> {
  const { numUpdatedRows } = await tx.query
    .updateTable('audit')
    .set((row) => ({ times: row('times', '+', BigInt(more)) }))
    .where('id', '=', id)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** Deletes the oldest rows from before a moment, so many at most; returns how many there were. */
export async function pruneAudit(tx: Transaction, before: TimeNs, most: number): Promise<number> {
  const old = tx.query.selectFrom('audit').select('id').where('at', '<', before).orderBy('at').limit(most);
  const { numDeletedRows } = await tx.query.deleteFrom('audit').where('id', 'in', old).executeTakeFirst();
  return Number(numDeletedRows);
}

/** The newest rows of an account, newest first. */
export async function listAudit(db: Queries, account_id: string, limit: number): Promise<readonly AuditRecord[]> {
  return await db.query
    .selectFrom('audit')
    .selectAll()
    .where('account_id', '=', account_id)
    .orderBy('at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit)
    .execute();
}
