import type { Queries, Transaction } from './database.ts';

/** The value of a setting; undefined where it was never stored. */
export async function readSetting(db: Queries, key: string): Promise<string | undefined> {
  const row = await db.query.selectFrom('settings').select('value').where('key', '=', key).executeTakeFirst();
  return row?.value;
}

/** Stores a setting, over whatever was there. */
export async function writeSetting(tx: Transaction, key: string, value: string): Promise<void> {
  await tx.query
    .insertInto('settings')
    .values({ key, value })
    .onConflict((conflict) => conflict.column('key').doUpdateSet({ value }))
    .execute();
}
