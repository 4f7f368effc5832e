import type { Selectable } from 'kysely';
import type { Permission } from '../model/principal.ts';
import type { TimeNs } from '../model/time.ts';
import type { Queries, Transaction } from './database.ts';
import { present } from './present.ts';
import type { TokensTable } from './tables.ts';

/** A token, as it is kept and listed: neither the token nor its hash is in it. */
export interface TokenRecord {
  readonly id: string;
  readonly account_id: string;
  readonly name: string;
  readonly permission: Permission;
  readonly created: TimeNs;
  readonly expires_at?: TimeNs;
  /** To the minute or so. */
  readonly last_used?: TimeNs;
  readonly revoked_at?: TimeNs;
}

/** Stores a new token under its hash; false when that hash is there already. */
export async function insertToken(tx: Transaction, token: TokenRecord, hash: string): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await tx.query
    .insertInto('tokens')
    .values({ ...token, hash })
    .onConflict((conflict) => conflict.column('hash').doNothing())
    .executeTakeFirst();
  return numInsertedOrUpdatedRows === 1n;
}

/** The token of a hash, also when it is revoked or has expired. */
export async function tokenByHash(db: Queries, hash: string): Promise<TokenRecord | undefined> {
  const row = await db.query.selectFrom('tokens').selectAll().where('hash', '=', hash).executeTakeFirst();
  return row === undefined ? undefined : tokenOfRow(row);
}

/** The hashes of all tokens of these names, whatever became of them. */
export async function hashesOfTokensNamed(db: Queries, names: readonly string[]): Promise<readonly string[]> {
  const rows = await db.query
    .selectFrom('tokens')
    .select('hash')
    .where('name', 'in', [...names])
    .execute();
  return rows.map(({ hash }) => hash);
}

/** The token of an id. */
export async function tokenById(db: Queries, id: string): Promise<TokenRecord | undefined> {
  const row = await db.query.selectFrom('tokens').selectAll().where('id', '=', id).executeTakeFirst();
  return row === undefined ? undefined : tokenOfRow(row);
}

/** The tokens of one account, or of all, oldest first. */
export async function listTokens(db: Queries, account_id?: string): Promise<readonly TokenRecord[]> {
  let query = db.query.selectFrom('tokens').selectAll();
  if (account_id !== undefined) query = query.where('account_id', '=', account_id);
  const rows = await query.orderBy('created').orderBy('id').execute();
  return rows.map(tokenOfRow);
}

/** Ends a token; false when there is none of this id that is not revoked yet. */
export async function revokeToken(tx: Transaction, id: string, at: TimeNs): Promise<boolean> {
  const { numUpdatedRows } = await tx.query
    .updateTable('tokens')
    .set({ revoked_at: at })
    .where('id', '=', id)
    .where('revoked_at', 'is', null)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** Notes when tokens were last used; a later moment that is already there stays. */
export async function touchTokens(tx: Transaction, used: ReadonlyMap<string, TimeNs>): Promise<void> {
  for (const [id, at] of used) {
    await tx.query
      .updateTable('tokens')
      .set({ last_used: at })
      .where('id', '=', id)
      .where((row) => row.or([row('last_used', 'is', null), row('last_used', '<', at)]))
      .execute();
  }
}

function tokenOfRow(row: Selectable<TokensTable>): TokenRecord {
  const { hash: _hash, ...token } = row;
  return present(token);
}
