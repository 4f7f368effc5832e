import { raise } from '../model/errors/fault.ts';
import type { TimeNs } from '../model/time.ts';
import type { Queries, Transaction } from './database.ts';

/** How long an expired lease stays: whoever holds one without knowing has found out by then. */
const kept_ns = 86_400_000_000_000n;

/** Work that one holder does until `expires_at`, by the database's clock. */
export interface Lease {
  readonly name: string;
  readonly holder: string;
  /** Grows whenever the lease is taken, also after its row was pruned: a write under an older one is refused. */
  readonly fence: bigint;
  readonly expires_at: TimeNs;
}

/**
 * Takes a lease that is free or expired. The same holder may take it again while it runs (after a restart under its old
 * name); its older lease is then fenced off like anybody's.
 *
 * @param duration_ns how long it is held without a renewal
 * @returns undefined while another holder has it
 */
export async function acquireLease(
  db: Queries,
  name: string,
  holder: string,
  duration_ns: bigint,
): Promise<Lease | undefined> {
  const now = await db.now();
  const expires_at = now + duration_ns;
  const taken = await db.query
    .insertInto('leases')
    // Begins at the time, so that it is above all fences of a row that is gone.
    .values({ name, holder, fence: now, expires_at })
    .onConflict((conflict) =>
      conflict
        .column('name')
        .doUpdateSet((row) => ({ holder, expires_at, fence: row('leases.fence', '+', 1n) }))
        .where((row) => row.or([row('leases.expires_at', '<=', now), row('leases.holder', '=', holder)])),
    )
    .returning('fence')
    .executeTakeFirst();
  return taken === undefined ? undefined : { name, holder, fence: taken.fence, expires_at };
}

/** Holds a lease longer; also one that expired, as long as nobody else took it. Undefined when it is lost. */
export async function renewLease(db: Queries, lease: Lease, duration_ns: bigint): Promise<Lease | undefined> {
  const expires_at = (await db.now()) + duration_ns;
  const { numUpdatedRows } = await db.query
    .updateTable('leases')
    .set({ expires_at })
    .where('name', '=', lease.name)
    .where('holder', '=', lease.holder)
    .where('fence', '=', lease.fence)
    .executeTakeFirst();
  return numUpdatedRows === 1n ? { ...lease, expires_at } : undefined;
}

/** Gives a lease back, so that another holder need not wait; nothing happens when it is lost already. */
export async function releaseLease(db: Queries, lease: Lease): Promise<void> {
  await db.query
    .updateTable('leases')
    .set({ expires_at: 0n })
    .where('name', '=', lease.name)
    .where('holder', '=', lease.holder)
    .where('fence', '=', lease.fence)
    .execute();
}

/** Deletes the leases that were given back, or expired more than a day ago; returns how many there were. */
export async function pruneLeases(tx: Transaction, at: TimeNs): Promise<bigint> {
  const { numDeletedRows } = await tx.query
    .deleteFrom('leases')
    .where('expires_at', '<', at - kept_ns)
    .executeTakeFirst();
  return numDeletedRows;
}

/**
 * The fencing check: to be the first statement of every transaction that writes under a lease. It also keeps others from
 * taking the lease until the transaction has ended (a write to the row locks it, on any database).
 *
 * @throws FaultError `lease_lost`
 */
export async function requireLease(tx: Transaction, lease: Lease): Promise<void> {
  const { numUpdatedRows } = await tx.query
    .updateTable('leases')
    .set((row) => ({ fence: row.ref('fence') }))
    .where('name', '=', lease.name)
    .where('holder', '=', lease.holder)
    .where('fence', '=', lease.fence)
    .executeTakeFirst();
  if (numUpdatedRows !== 1n) raise('lease_lost', { lease: lease.name });
}
