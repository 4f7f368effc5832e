import type { Ownership } from '../model/ownership.ts';
import type { TimeNs } from '../model/time.ts';
import { builtOnce } from './built_once.ts';
import type { Queries, Transaction } from './database.ts';
import { present } from './present.ts';

/** A bucket as it is kept, with what never leaves control. */
export interface OwnershipRecord extends Ownership {
  /** SHA-256 of the challenge's content, in hex. */
  readonly challenge_digest: string;
  /** The bucket's credentials, sealed; absent where it needs none, and once it is removed. */
  readonly sealed?: string;
  readonly removed_at?: TimeNs;
}

/** Stores a new bucket; false when the account has this destination already. */
export async function insertOwnership(tx: Transaction, ownership: OwnershipRecord): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await tx.query
    .insertInto('ownerships')
    .values(ownership)
    .onConflict((conflict) =>
      conflict.columns(['account_id', 'destination_conf']).where('removed_at', 'is', null).doNothing(),
    )
    .executeTakeFirst();
  return numInsertedOrUpdatedRows === 1n;
}

/** Starts a pending bucket's proof again, with a new challenge and new credentials; false when it is pending no more. */
export async function renewOwnership(tx: Transaction, ownership: OwnershipRecord): Promise<boolean> {
  const { numUpdatedRows } = await tx.query
    .updateTable('ownerships')
    .set({
      challenge_digest: ownership.challenge_digest,
      sealed: ownership.sealed ?? null,
      submitted: ownership.submitted,
    })
    .where('id', '=', ownership.id)
    .where('status', '=', 'pending')
    .where('removed_at', 'is', null)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** The bucket of an id, also a removed one: for captures that were delivered into it. */
export async function ownershipById(db: Queries, id: string): Promise<OwnershipRecord | undefined> {
  const row = await db.query.selectFrom('ownerships').selectAll().where('id', '=', id).executeTakeFirst();
  return row === undefined ? undefined : present(row);
}

/** The bucket of an id in an account, unless it was removed. */
export async function ownershipOf(db: Queries, account_id: string, id: string): Promise<OwnershipRecord | undefined> {
  const row = await db.query
    .selectFrom('ownerships')
    .selectAll()
    .where('account_id', '=', account_id)
    .where('id', '=', id)
    .where('removed_at', 'is', null)
    .executeTakeFirst();
  return row === undefined ? undefined : present(row);
}

const rowOfDestination = builtOnce((query, account_id: string, destination_conf: string) =>
  query
    .selectFrom('ownerships')
    .selectAll()
    .where('account_id', '=', account_id)
    .where('destination_conf', '=', destination_conf)
    .where('removed_at', 'is', null),
);

/** The bucket of a canonical destination in an account, unless it was removed. */
export async function ownershipByDestination(
  db: Queries,
  account_id: string,
  destination_conf: string,
): Promise<OwnershipRecord | undefined> {
  const [row] = await rowOfDestination(db, account_id, destination_conf);
  return row === undefined ? undefined : present(row);
}

/** Which page of an account's buckets; pages count from 1. */
export interface OwnershipPage {
  readonly account_id: string;
  readonly page: number;
  readonly per_page: number;
}

/** A page of the buckets of an account that are not removed, newest first, and how many there are in all. */
export async function listOwnerships(
  db: Queries,
  { account_id, page, per_page }: OwnershipPage,
): Promise<{ readonly ownerships: readonly OwnershipRecord[]; readonly total: number }> {
  const live = db.query.selectFrom('ownerships').where('account_id', '=', account_id).where('removed_at', 'is', null);
  const { total } = await live.select((row) => row.fn.countAll<bigint>().as('total')).executeTakeFirstOrThrow();
  const rows = await live
    .selectAll()
    .orderBy('submitted', 'desc')
    .orderBy('id', 'desc')
    .limit(per_page)
    .offset((page - 1) * per_page)
    .execute();
  return { ownerships: rows.map((row) => present(row)), total: Number(total) };
}

/**
 * Marks a pending bucket as proved.
 *
 * @param challenge_digest the digest that was compared: another one means that the proof was started again meanwhile
 */
export async function validateOwnership(
  tx: Transaction,
  id: string,
  challenge_digest: string,
  at: TimeNs,
): Promise<boolean> {
  const { numUpdatedRows } = await tx.query
    .updateTable('ownerships')
    .set({ status: 'success', validated: at })
    .where('id', '=', id)
    .where('challenge_digest', '=', challenge_digest)
    .where('status', '=', 'pending')
    .where('removed_at', 'is', null)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** Removes a bucket: the row stays for the captures that name it, the credentials go. False when there is none. */
export async function removeOwnership(tx: Transaction, id: string, at: TimeNs): Promise<boolean> {
  const { numUpdatedRows } = await tx.query
    .updateTable('ownerships')
    .set({ removed_at: at, sealed: null })
    .where('id', '=', id)
    .where('removed_at', 'is', null)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** Every bucket that has sealed credentials, of all accounts: for sealing them anew. */
export async function sealedOwnerships(
  db: Queries,
): Promise<readonly { readonly id: string; readonly sealed: string }[]> {
  const rows = await db.query
    .selectFrom('ownerships')
    .select(['id', 'sealed'])
    .where('sealed', 'is not', null)
    .orderBy('id')
    .execute();
  return rows.flatMap(({ id, sealed }) => (sealed === null ? [] : [{ id, sealed }]));
}

/** Puts credentials that were sealed anew in the place of the same credentials; false when those are gone or replaced. */
export async function replaceSealed(tx: Transaction, id: string, old: string, sealed: string): Promise<boolean> {
  const { numUpdatedRows } = await tx.query
    .updateTable('ownerships')
    .set({ sealed })
    .where('id', '=', id)
    .where('sealed', '=', old)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}
