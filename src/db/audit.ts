import type { TimeNs } from '../model/time.ts';
import { builtInsert } from './built_once.ts';
import type { Queries, Transaction } from './database.ts';

/** One thing that was done, by whom, to what. Rows are only ever added: there is no function that changes or deletes one. */
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
}

const insertRow = builtInsert('audit');

/** Adds a row, in the transaction of what it tells of. */
export async function insertAudit(tx: Transaction, record: AuditRecord): Promise<void> {
  await insertRow(tx, record);
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
