import { lockAccount } from '../../db/accounts.ts';
import { countRunningFull } from '../../db/captures.ts';
import { countCreates, type CreateAttempt, findRepeated, mayBeRepeated } from '../../db/creates.ts';
import type { Database, Queries, Transaction } from '../../db/database.ts';
import { type Fault, fault, raise } from '../../model/errors/fault.ts';
import type { Principal } from '../../model/principal.ts';
import type { LimitCounts } from '../../model/limit_counts.ts';
import type { TimeNs } from '../../model/time.ts';
import type { Rate, Repeat } from '../control.ts';

const window_s = 60;
const second_ns = 1_000_000_000n;

/** What to do with a create. */
export type Admission =
  /** Make the capture, and `claimCreate` it in the same transaction. */
  | { readonly kind: 'new'; readonly rate: Rate }
  /** Answer with this capture; nothing is to be made. */
  | { readonly kind: 'repeat'; readonly capture_id: string; readonly rate: Rate }
  /** Answer with this fault, and `rememberRefusal`, which may be in the same transaction. */
  | { readonly kind: 'refused'; readonly fault: Fault; readonly rate: Rate };

/** One sending of a create, as the database compares it. */
export function attemptOf(of: {
  readonly principal: Principal;
  readonly repeat: Repeat;
  readonly body_hash: string;
  /** When the request came in. */
  readonly received_at: TimeNs;
  /** Now, by the database's clock. */
  readonly at: TimeNs;
}): CreateAttempt {
  const { principal, repeat, ...rest } = of;
  return { account_id: principal.account_id, principal_id: principal.id, ...repeat, ...rest };
}

/**
 * Decides on a create inside the transaction that is to make the capture: is it a repetition, and is there room for one
 * more? The account stays locked until the transaction ends, so that the counts hold.
 *
 * @throws FaultError `idempotency_mismatch`
 */
export async function admitCreate(
  tx: Transaction,
  attempt: CreateAttempt,
  type: 'simple' | 'full',
  limits: LimitCounts,
): Promise<Admission> {
  await lockAccount(tx, attempt.account_id);
  const repeated = await findRepeated(tx, attempt);
  if (repeated.kind === 'mismatch') raise('idempotency_mismatch');
  const before = await used(tx, attempt);
  const { creates_per_minute, running_full } = limits.values;
  const rate = rateOf(before, attempt.at, creates_per_minute);
  if (repeated.kind === 'repeat') return { ...repeated, rate };
  if (before.count >= creates_per_minute) {
    limits.count('creates_per_minute');
    const params = { limit: creates_per_minute, wait_s: rate.reset_s };
    return { kind: 'refused', fault: fault('rate_limited', params), rate };
  }
  if (type === 'full') {
    const running = await countRunningFull(tx, attempt.account_id, attempt.principal_id);
    if (running >= running_full) return { kind: 'refused', fault: limits.refuse('running_full'), rate };
  }
  const withThis = { count: before.count + 1, oldest: before.oldest ?? attempt.at };
  return { kind: 'new', rate: rateOf(withThis, attempt.at, creates_per_minute) };
}

/**
 * The capture that an attempt repeats, if it does, before the request is judged: what was good then is answered with its
 * capture even where the world has changed since.
 *
 * @throws FaultError `idempotency_mismatch`
 */
export async function findRepeat(
  db: Database,
  attempt: CreateAttempt,
  limits: LimitCounts,
): Promise<Extract<Admission, { kind: 'repeat' }> | undefined> {
  // Nearly all are new, and a lock is a write to the disk.
  if (!(await mayBeRepeated(db, attempt))) return undefined;
  return await db.transaction(async (tx) => {
    await lockAccount(tx, attempt.account_id);
    const repeated = await findRepeated(tx, attempt);
    if (repeated.kind === 'mismatch') raise('idempotency_mismatch');
    if (repeated.kind === 'new') return undefined;
    return { ...repeated, rate: rateOf(await used(tx, attempt), attempt.at, limits.values.creates_per_minute) };
  });
}

/** Is there room for one more, as things are now? It is `admitCreate` that decides. */
export async function hasRoom(db: Queries, attempt: CreateAttempt, limits: LimitCounts): Promise<boolean> {
  return (await used(db, attempt)).count < limits.values.creates_per_minute;
}

/** How many creates there were in the window that ends with this one. */
async function used(
  db: Queries,
  attempt: CreateAttempt,
): Promise<{ readonly count: number; readonly oldest?: TimeNs }> {
  return await countCreates(db, attempt, attempt.at - BigInt(window_s) * second_ns + 1n);
}

function rateOf(used: { readonly count: number; readonly oldest?: TimeNs }, at: TimeNs, limit: number): Rate {
  const left_ns = used.oldest === undefined ? 0n : used.oldest + BigInt(window_s) * second_ns - at;
  const reset_s = Math.max(0, Number((left_ns + second_ns - 1n) / second_ns));
  return { limit, window_s, remaining: Math.max(0, limit - used.count), reset_s };
}
