import type { Selectable } from 'kysely';
import { raise } from '../model/errors/fault.ts';
import type { TimeNs } from '../model/time.ts';
import { builtByShape } from './built_once.ts';
import type { Queries, Transaction } from './database.ts';
import type { CreatesTable } from './tables.ts';

/** How long a retry finds the create that it repeats. */
const retry_window_ns = 120_000_000_000n;

/** How long an Idempotency-Key is kept, and with it every claim. */
const key_window_ns = 600_000_000_000n;

/** One sending of a create. */
export interface CreateAttempt {
  readonly account_id: string;
  readonly principal_id: string;
  /** Equal for equal bodies. */
  readonly body_hash: string;
  /** 0 for a first sending. */
  readonly retry_count: number;
  readonly idempotency_key?: string;
  /** When the request came in. */
  readonly received_at: TimeNs;
  /** Now, by the database's clock. */
  readonly at: TimeNs;
}

/** What is known of an attempt: nothing, the capture that an earlier sending made, or its key with another body. */
export type Repeated =
  | { readonly kind: 'new' }
  | { readonly kind: 'repeat'; readonly capture_id: string }
  | { readonly kind: 'mismatch' };

/**
 * Is this attempt a repetition? By `Idempotency-Key` for ten minutes; without one, a retry is that of the latest create of
 * the same principal and body in two minutes. A first sending that was overtaken by its own retry (it came in earlier
 * and got here later) gets what the retry made, once. To be asked after `lockAccount` and before `claimCreate`, in their
 * transaction.
 */
export async function findRepeated(tx: Transaction, attempt: CreateAttempt): Promise<Repeated> {
  if (attempt.idempotency_key !== undefined) return await findByKey(tx, attempt, attempt.idempotency_key);
  if (attempt.retry_count > 0) {
    const latest = await latestOf(tx, attempt);
    return latest === undefined || latest.capture_id === null || latest.at < attempt.at - retry_window_ns
      ? { kind: 'new' }
      : { kind: 'repeat', capture_id: latest.capture_id };
  }
  return await findOvertaking(tx, attempt);
}

/**
 * May this attempt be a repetition? Looks without a transaction, and so without the lock: where it says no, none has been there so far.
 */
export async function mayBeRepeated(db: Queries, attempt: CreateAttempt): Promise<boolean> {
  if (attempt.idempotency_key !== undefined) {
    return (await rowOfKey(db, attempt, attempt.idempotency_key)) !== undefined;
  }
  return (attempt.retry_count > 0 ? await latestOf(db, attempt) : (await overtakingRows(db, attempt))[0]) !== undefined;
}

/**
 * Claims a create for its capture, to commit together with it.
 *
 * @throws FaultError `unavailable` when another transaction claimed the same at this moment
 */
export async function claimCreate(tx: Transaction, attempt: CreateAttempt, capture_id: string): Promise<void> {
  if (!(await write(tx, attempt, capture_id))) {
    raise('unavailable', { what: 'The claim on this create', reason: 'another request made it at this moment' });
  }
}

/**
 * Remembers that a create was refused though its body is good (429, 5xx) and nothing of it was stored: its retry is to
 * create, also where an older create had the same body. A key that made a capture keeps it.
 */
export async function rememberRefusal(tx: Transaction, attempt: CreateAttempt): Promise<void> {
  await write(tx, attempt, null);
}

/**
 * Would a retry of this attempt be answered with the capture of an older create of the same body? Then a refusal of it has to be remembered;
 * where not, that would change nothing, unless the attempt has a key.
 */
export async function retryFindsOlder(db: Queries, attempt: CreateAttempt): Promise<boolean> {
  if (attempt.idempotency_key !== undefined) return false;
  const latest = await latestOf(db, attempt);
  return latest !== undefined && latest.capture_id !== null && latest.at >= attempt.at - retry_window_ns;
}

const countRows = builtByShape(
  () => 'the only one',
  ({ principal_id, account_id, since }: { principal_id: string; account_id: string; since: TimeNs }) => [
    principal_id,
    account_id,
    since,
  ],
  (query, { principal_id, account_id, since }) =>
    query
      .selectFrom('creates')
      .select((row) => [row.fn.countAll<bigint>().as('count'), row.fn.min<bigint | null>('at').as('oldest')])
      .where('principal_id', '=', principal_id)
      .where('account_id', '=', account_id)
      .where('capture_id', 'is not', null)
      .where('at', '>=', since),
);

/** How many captures a principal made since a moment (it counts too), and when it made the first of them. */
export async function countCreates(
  db: Queries,
  by: { readonly account_id: string; readonly principal_id: string },
  since: TimeNs,
): Promise<{ readonly count: number; readonly oldest?: TimeNs }> {
  const [{ count, oldest } = { count: 0n, oldest: null }] = await countRows(db, { ...by, since });
  return { count: Number(count), ...(oldest === null ? {} : { oldest }) };
}

/** Deletes the claims that nothing can match any more; returns how many there were. */
export async function pruneCreates(tx: Transaction, at: TimeNs): Promise<bigint> {
  const { numDeletedRows } = await tx.query
    .deleteFrom('creates')
    .where('at', '<', at - key_window_ns)
    .executeTakeFirst();
  return numDeletedRows;
}

async function rowOfKey(
  db: Queries,
  attempt: CreateAttempt,
  key: string,
): Promise<Pick<Selectable<CreatesTable>, 'body_hash' | 'capture_id'> | undefined> {
  return await db.query
    .selectFrom('creates')
    .select(['body_hash', 'capture_id'])
    .where('principal_id', '=', attempt.principal_id)
    .where('claim', '=', keyClaim(key))
    .where('at', '>=', attempt.at - key_window_ns)
    .executeTakeFirst();
}

async function findByKey(tx: Transaction, attempt: CreateAttempt, key: string): Promise<Repeated> {
  const row = await rowOfKey(tx, attempt, key);
  if (row === undefined) return { kind: 'new' };
  if (row.body_hash !== attempt.body_hash) return { kind: 'mismatch' };
  return row.capture_id === null ? { kind: 'new' } : { kind: 'repeat', capture_id: row.capture_id };
}

const overtakingRows = builtByShape(
  () => 'the only one',
  ({ principal_id, body_hash, received_at, at }: CreateAttempt) => [
    principal_id,
    body_hash,
    1n,
    received_at,
    at - retry_window_ns,
    1n,
  ],
  (query, attempt) =>
    query
      .selectFrom('creates')
      .select(['claim', 'capture_id'])
      .where('principal_id', '=', attempt.principal_id)
      .where('body_hash', '=', attempt.body_hash)
      .where('unpaired', '=', 1n)
      .where('capture_id', 'is not', null)
      .where('received_at', '>', attempt.received_at)
      .where('at', '>=', attempt.at - retry_window_ns)
      .orderBy('sequence')
      .limit(1),
);

async function findOvertaking(tx: Transaction, attempt: CreateAttempt): Promise<Repeated> {
  const [row] = await overtakingRows(tx, attempt);
  if (row === undefined || row.capture_id === null) return { kind: 'new' };
  await tx.query
    .updateTable('creates')
    .set({ unpaired: 0n })
    .where('principal_id', '=', attempt.principal_id)
    .where('claim', '=', row.claim)
    .execute();
  return { kind: 'repeat', capture_id: row.capture_id };
}

const latestRows = builtByShape(
  () => 'the only one',
  ({ principal_id, body_hash }: CreateAttempt) => [principal_id, body_hash, 0n, 1n],
  (query, { principal_id, body_hash }) =>
    query
      .selectFrom('creates')
      .selectAll()
      .where('principal_id', '=', principal_id)
      .where('body_hash', '=', body_hash)
      .where('sequence', '>', 0n)
      .orderBy('sequence', 'desc')
      .limit(1),
);

/** The latest create without a key of the same principal and body. */
async function latestOf(db: Queries, attempt: CreateAttempt): Promise<Selectable<CreatesTable> | undefined> {
  return (await latestRows(db, attempt))[0];
}

async function write(tx: Transaction, attempt: CreateAttempt, capture_id: string | null): Promise<boolean> {
  const { account_id, principal_id, body_hash, received_at, at } = attempt;
  const row = { account_id, body_hash, capture_id, at, received_at };
  if (attempt.idempotency_key !== undefined) {
    const taken = { ...row, sequence: 0n, unpaired: 0n };
    const { numInsertedOrUpdatedRows } = await tx.query
      .insertInto('creates')
      .values({ ...taken, principal_id, claim: keyClaim(attempt.idempotency_key) })
      .onConflict((conflict) =>
        conflict
          .columns(['principal_id', 'claim'])
          .doUpdateSet(taken)
          .where((old) => old.or([old('creates.capture_id', 'is', null), old('creates.at', '<', at - key_window_ns)])),
      )
      .executeTakeFirst();
    return numInsertedOrUpdatedRows === 1n;
  }
  const latest = await latestOf(tx, attempt);
  const refusedBefore = latest !== undefined && latest.capture_id === null;
  // A retry of what was refused has its first sending behind it where that refusal had; any other may be overtaking it.
  const known = refusedBefore && latest.unpaired === 0n && latest.at >= at - retry_window_ns;
  const unpaired = attempt.retry_count > 0 && !known ? 1n : 0n;
  if (refusedBefore && capture_id === null) {
    await tx.query
      .updateTable('creates')
      .set({ at, received_at, unpaired })
      .where('principal_id', '=', principal_id)
      .where('claim', '=', latest.claim)
      .execute();
    return true;
  }
  const sequence = (latest?.sequence ?? 0n) + 1n;
  const { numInsertedOrUpdatedRows } = await tx.query
    .insertInto('creates')
    .values({ ...row, principal_id, claim: `body:${body_hash}:${sequence}`, sequence, unpaired })
    .onConflict((conflict) => conflict.columns(['principal_id', 'claim']).doNothing())
    .executeTakeFirst();
  return numInsertedOrUpdatedRows === 1n;
}

function keyClaim(key: string): string {
  return `key:${key}`;
}
