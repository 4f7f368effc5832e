import * as fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { insertAccount } from '../../db/accounts.ts';
import { insertCapture } from '../../db/captures.ts';
import { claimCreate, rememberRefusal } from '../../db/creates.ts';
import type { Database } from '../../db/database.ts';
import { openDatabase } from '../../db/open_database.ts';
import { insertOwnership } from '../../db/ownerships.ts';
import type { Principal } from '../../model/principal.ts';
import type { Status } from '../../model/status.ts';
import { type Admission, admitCreate, attemptOf } from './admit_create.ts';
import { LimitCounts } from '../../model/limit_counts.ts';
import { limitFallbacks } from '../../model/shared_limits.ts';

const second = 1_000_000_000n;
const account_id = 'a'.repeat(32);
const limits = new LimitCounts({ ...limitFallbacks, creates_per_minute: 3, running_full: 2 });

let db: Database;
let made = 0;
let principal: Principal;

beforeEach(async () => {
  db = await openDatabase({ url: ':memory:' });
  made += 1;
  principal = { id: `p${made}`, kind: 'token', account_id, permission: 'write' };
  await db.transaction(async (tx) => {
    await insertAccount(tx, { id: account_id, name: 'x', created: 1n, scope: { sensors: 'all', networks: 'all' } });
    await insertOwnership(tx, {
      id: 'o',
      account_id,
      destination_conf: 'file:///b',
      filename: 'f',
      status: 'success',
      submitted: 1n,
      challenge_digest: '00',
    });
  });
  return () => db.close();
});

interface Sent {
  readonly at: bigint;
  readonly type?: 'simple' | 'full';
  readonly body_hash?: string;
  readonly retry_count?: number;
  readonly idempotency_key?: string;
  readonly by?: Principal;
}

/** Sends a create as control would: admitted, then stored and claimed, or its refusal remembered. */
async function send(sent: Sent): Promise<Admission & { readonly made?: string }> {
  const { at, type = 'simple', body_hash = `b${at}`, by = principal } = sent;
  const key = sent.idempotency_key === undefined ? {} : { idempotency_key: sent.idempotency_key };
  const repeat = { retry_count: sent.retry_count ?? 0, ...key };
  const attempt = attemptOf({ principal: by, repeat, body_hash, received_at: at, at });
  return await db.transaction(async (tx) => {
    const admission = await admitCreate(tx, attempt, type, limits);
    if (admission.kind === 'refused') await rememberRefusal(tx, attempt);
    if (admission.kind !== 'new') return admission;
    made += 1;
    const id = made.toString(16).padStart(32, '0');
    await insertCapture(tx, {
      id,
      account_id,
      principal_id: by.id,
      spec:
        type === 'simple'
          ? {
              type,
              system: 'magic-transit',
              time_limit_s: 1,
              filter_v1: {},
              format: 'pcap',
              packet_limit: 1,
              offset_time: 0n,
            }
          : {
              type,
              system: 'magic-transit',
              time_limit_s: 1,
              filter_v1: {},
              format: 'pcap',
              colo_name: 'x',
              destination_conf: 'file:///b',
              ownership_id: 'o',
            },
      scope: { sensors: 'all', networks: 'all' },
      status: 'pending',
      submitted: at,
      delivery: 'lookback',
      piece_bytes: 8_388_608,
      version: 1n,
    });
    await claimCreate(tx, attempt, id);
    return { ...admission, made: id };
  });
}

async function settle(id: string | undefined, status: Status): Promise<void> {
  await db.query
    .updateTable('captures')
    .set({ status })
    .where('id', '=', id ?? '')
    .execute();
}

describe('the rate', () => {
  test('so many in any minute, and how long to wait', async () => {
    const at = 1000n * second;
    const rates = [await send({ at }), await send({ at: at + second }), await send({ at: at + 10n * second })];
    expect(rates.map(({ kind, rate }) => [kind, rate.limit, rate.remaining, rate.reset_s])).toEqual([
      ['new', 3, 2, 60],
      ['new', 3, 1, 59],
      ['new', 3, 0, 50],
    ]);
    const refused = await send({ at: at + 11n * second + 1n });
    expect(refused).toMatchObject({
      kind: 'refused',
      fault: {
        name: 'rate_limited',
        message: expect.stringContaining('More than 3 capture requests in a minute: wait 49 s'),
      },
      rate: { limit: 3, window_s: 60, remaining: 0, reset_s: 49 },
    });
    expect((await send({ at: at + 60n * second - 1n })).kind).toBe('refused');
    expect((await send({ at: at + 60n * second })).kind).toBe('new');
  });

  test('agrees with a plain count for any pauses', async () => {
    const pauses = fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 12 });
    let start = 10_000n * second;
    await fc.assert(
      fc.asyncProperty(pauses, async (list) => {
        start += 10_000n * second;
        let at = start;
        const allowed: bigint[] = [];
        for (const [index, pause_s] of list.entries()) {
          at += BigInt(pause_s) * second;
          const recent = allowed.filter((one) => at - one < 60n * second).length;
          const sent = await send({ at, body_hash: `${at}-${index}` });
          expect(sent.kind).toBe(recent < limits.values.creates_per_minute ? 'new' : 'refused');
          if (sent.kind === 'new') allowed.push(at);
        }
      }),
      { numRuns: 50 },
    );
  });

  test('is its own for every principal', async () => {
    for (let count = 0; count < 3; count += 1) await send({ at: second, body_hash: `${count}` });
    expect((await send({ at: second })).kind).toBe('refused');
    expect((await send({ at: second, by: { ...principal, id: 'other' } })).kind).toBe('new');
  });
});

describe('full captures at one time', () => {
  test('pending and running ones count, ended ones and simple ones do not', async () => {
    const minute = 60n * second;
    const first = await send({ at: minute, type: 'full' });
    const other = await send({ at: 2n * minute, type: 'full' });
    await settle(other.made, 'running');
    const refused = await send({ at: 4n * minute, type: 'full', body_hash: 'x' });
    expect(refused).toMatchObject({
      kind: 'refused',
      fault: { name: 'running_limit', message: expect.stringContaining('2 full captures are pending or running') },
      rate: { remaining: 3, reset_s: 0 },
    });
    expect((await send({ at: 4n * minute })).kind).toBe('new');
    expect((await send({ at: 4n * minute, type: 'full', by: { ...principal, id: 'q' } })).kind).toBe('new');
    await settle(first.made, 'conversion_pending');
    // The retry of the one that was refused creates.
    expect((await send({ at: 4n * minute, type: 'full', body_hash: 'x', retry_count: 1 })).kind).toBe('new');
  });
});

describe('repeats', () => {
  test('come before the limits, and cost nothing', async () => {
    const sent = { at: second, body_hash: 'same' };
    const first = await send({ ...sent, idempotency_key: 'k' });
    await send({ at: second });
    await send({ at: second, body_hash: 'last' });
    const again = await send({ ...sent, at: 2n * second, idempotency_key: 'k' });
    expect(again).toEqual({ kind: 'repeat', capture_id: first.made, rate: expect.objectContaining({ remaining: 0 }) });
    expect((await send({ at: 2n * second, body_hash: 'last', retry_count: 1 })).kind).toBe('repeat');
    expect((await send({ at: 2n * second })).kind).toBe('refused');
  });

  test('a key with another body is a mismatch', async () => {
    await send({ at: second, body_hash: 'x', idempotency_key: 'k' });
    const other = send({ at: second, body_hash: 'y', idempotency_key: 'k' });
    await expect(other).rejects.toMatchObject({ faults: [{ name: 'idempotency_mismatch' }] });
    const elsewhere = { ...principal, id: 'other' };
    expect((await send({ at: second, body_hash: 'y', idempotency_key: 'k', by: elsewhere })).kind).toBe('new');
  });
});
