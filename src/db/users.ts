import type { Selectable } from 'kysely';
import type { Permission } from '../model/principal.ts';
import type { TimeNs } from '../model/time.ts';
import type { Queries, Transaction } from './database.ts';
import { present } from './present.ts';
import type { UsersTable } from './tables.ts';

/** Somebody who authenticates with email and key; neither the key nor its hash is in it. */
export interface UserRecord {
  readonly id: string;
  readonly account_id: string;
  /** In lower case. */
  readonly email: string;
  readonly permission: Permission;
  readonly created: TimeNs;
  readonly revoked_at?: TimeNs;
}

/** Stores a new user; false when the account has one of this email (not revoked) already. */
export async function insertUser(tx: Transaction, user: UserRecord, key_hash: string): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await tx.query
    .insertInto('users')
    .values({ ...user, key_hash })
    .onConflict((conflict) => conflict.columns(['account_id', 'email']).where('revoked_at', 'is', null).doNothing())
    .executeTakeFirst();
  return numInsertedOrUpdatedRows === 1n;
}

/** The user of a key's hash, also when revoked. */
export async function userByKeyHash(db: Queries, key_hash: string): Promise<UserRecord | undefined> {
  const row = await db.query.selectFrom('users').selectAll().where('key_hash', '=', key_hash).executeTakeFirst();
  return row === undefined ? undefined : userOfRow(row);
}

/** The users of one account, or of all, oldest first. */
export async function listUsers(db: Queries, account_id?: string): Promise<readonly UserRecord[]> {
  let query = db.query.selectFrom('users').selectAll();
  if (account_id !== undefined) query = query.where('account_id', '=', account_id);
  const rows = await query.orderBy('created').orderBy('id').execute();
  return rows.map(userOfRow);
}

/** Ends a user's key; returns the user, or undefined when there is none of this id that is not revoked yet. */
export async function revokeUser(tx: Transaction, id: string, at: TimeNs): Promise<UserRecord | undefined> {
  const row = await tx.query
    .updateTable('users')
    .set({ revoked_at: at })
    .where('id', '=', id)
    .where('revoked_at', 'is', null)
    .returningAll()
    .executeTakeFirst();
  return row === undefined ? undefined : userOfRow(row);
}

function userOfRow(row: Selectable<UsersTable>): UserRecord {
  const { key_hash: _hash, ...user } = row;
  return present(user);
}
