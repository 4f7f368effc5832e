import type { Selectable } from 'kysely';
import { isNames } from './capture_rows.ts';
import { mustBe, readable, reading } from './damaged_row.ts';
import { fromJsonText, toJsonText } from '../model/json_text.ts';
import type { Scope } from '../model/scope.ts';
import type { TimeNs } from '../model/time.ts';
import { builtOnce } from './built_once.ts';
import type { Queries, Transaction } from './database.ts';
import type { AccountsTable } from './tables.ts';

/** A tenant, as it is kept. */
export interface AccountRecord {
  readonly id: string;
  readonly name: string;
  readonly created: TimeNs;
  readonly scope: Scope;
}

/** Stores a new account; false when there is one of this id already. */
export async function insertAccount(tx: Transaction, account: AccountRecord): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await tx.query
    .insertInto('accounts')
    .values({ id: account.id, name: account.name, created: account.created, ...scopeColumns(account.scope) })
    .onConflict((conflict) => conflict.column('id').doNothing())
    .executeTakeFirst();
  return numInsertedOrUpdatedRows === 1n;
}

const rowOfId = builtOnce((query, id: string) => query.selectFrom('accounts').selectAll().where('id', '=', id));

/** The account of an id. */
export async function accountById(db: Queries, id: string): Promise<AccountRecord | undefined> {
  const [row] = await rowOfId(db, id);
  return row === undefined ? undefined : accountOfRow(row);
}

/** Every account, oldest first. */
export async function listAccounts(db: Queries): Promise<readonly AccountRecord[]> {
  const rows = await db.query.selectFrom('accounts').selectAll().orderBy('created').orderBy('id').execute();
  return readable(db, rows, accountOfRow);
}

/** Is there any account but this one? */
export async function hasOthers(db: Queries, id: string): Promise<boolean> {
  return (
    (await db.query.selectFrom('accounts').select('id').where('id', '!=', id).limit(1).executeTakeFirst()) !== undefined
  );
}

/** Gives an account another scope; false when there is no such account. */
export async function updateScope(tx: Transaction, id: string, scope: Scope): Promise<boolean> {
  const { numUpdatedRows } = await tx.query
    .updateTable('accounts')
    .set(scopeColumns(scope))
    .where('id', '=', id)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/**
 * Lets only one transaction at a time go past this point for an account, on any database: a write to a row locks it.
 * What is counted or looked for afterwards cannot change before the transaction has ended.
 *
 * @returns false when there is no such account
 */
export async function lockAccount(tx: Transaction, id: string): Promise<boolean> {
  const { numUpdatedRows } = await tx.query
    .updateTable('accounts')
    .set((row) => ({ name: row.ref('name') }))
    .where('id', '=', id)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

function scopeColumns(scope: Scope): Pick<Selectable<AccountsTable>, 'sensors' | 'networks'> {
  return { sensors: toJsonText(scope.sensors), networks: toJsonText(scope.networks) };
}

function accountOfRow(row: Selectable<AccountsTable>): AccountRecord {
  return {
    id: row.id,
    name: row.name,
    created: row.created,
    scope: reading(`account ${row.id}`, () => ({ sensors: namesIn(row.sensors), networks: namesIn(row.networks) })),
  };
}

/** Throws for anything else than `all` or a list of texts. */
function namesIn(text: string): 'all' | readonly string[] {
  const names = fromJsonText(text);
  mustBe(isNames(names), 'its scope');
  return names as 'all' | readonly string[];
}
