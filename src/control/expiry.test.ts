import { randomBytes } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import { insertAccount } from '../db/accounts.ts';
import { listAudit } from '../db/audit.ts';
import { captureById, insertCapture } from '../db/captures.ts';
import { claimCreate, countCreates } from '../db/creates.ts';
import type { Database } from '../db/database.ts';
import { acquireLease, releaseLease } from '../db/leases.ts';
import { openDatabase } from '../db/open_database.ts';
import { insertParts, partsOf } from '../db/parts.ts';
import { AccountUsage } from '../model/account_usage.ts';
import type { CaptureRecord } from '../model/record.ts';
import { expire } from './expiry.ts';

const day = 86_400_000_000_000n;
const random = (count: number): Uint8Array => randomBytes(count);
const account_id = 'a'.repeat(32);

let now = 0n;
let made = 0;
let db: Database;
let removed: string[] = [];

beforeEach(async () => {
  now = 20_000n * day;
  removed = [];
  db = await openDatabase({ url: ':memory:', clock: () => now });
  await db.transaction((tx) =>
    insertAccount(tx, { id: account_id, name: 'x', created: 1n, scope: { sensors: 'all', networks: 'all' } }),
  );
  return () => db.close();
});

async function store(change: Partial<CaptureRecord>): Promise<string> {
  made += 1;
  const id = made.toString(16).padStart(32, '0');
  await db.transaction(async (tx) => {
    await insertCapture(tx, {
      id,
      account_id,
      principal_id: 'p',
      spec: {
        type: 'simple',
        system: 'magic-transit',
        time_limit_s: 1,
        filter_v1: {},
        format: 'pcap',
        packet_limit: 1,
        offset_time: 0n,
      },
      scope: { sensors: 'all', networks: 'all' },
      status: 'success',
      submitted: now,
      delivery: 'lookback',
      piece_bytes: 8_388_608,
      version: 1n,
      ...change,
    });
    await insertParts(tx, [
      { capture_id: id, sensor: 's', interface: 'i', colo: 'c', ordinal: 0, phase: 'ended', sequence: 1 },
    ]);
  });
  return id;
}

const run = (removeResult: (record: CaptureRecord) => Promise<void>): ReturnType<typeof expire> =>
  expire({ db, keep_ns: 7n * day, keep_audit_ns: 30n * day, removeResult, usage, random });
const usage = new AccountUsage();
const remove = async (record: CaptureRecord): Promise<void> => {
  removed.push(record.id);
};

describe('expire', () => {
  test('seven days after its end, a capture goes: its files, its row, its parts', async () => {
    const old = await store({ submitted: now - 8n * day, ended_at: now - 7n * day - 1n });
    const young = await store({ submitted: now - 8n * day, ended_at: now - 7n * day });
    const open = await store({ submitted: now - 30n * day, status: 'unknown' });
    expect(await run(remove)).toEqual({ expired: 1, failed: [] });
    expect(removed).toEqual([old]);
    expect(await captureById(db, old)).toBeUndefined();
    expect(await partsOf(db, old)).toEqual([]);
    expect(await captureById(db, young)).toBeDefined();
    expect(await captureById(db, open)).toBeDefined();
    expect(await listAudit(db, account_id, 9)).toMatchObject([
      { action: 'capture.expire', subject: old, principal_id: 'edgetap', detail: 'success' },
    ]);
    now += 1n;
    expect(await run(remove)).toEqual({ expired: 1, failed: [] });
    expect(removed).toEqual([old, young]);
  });

  test('more than one batch at a time, and what fails stays for the next run without holding up the rest', async () => {
    const ids: string[] = [];
    for (let count = 0; count < 230; count += 1)
      ids.push(await store({ submitted: now - 9n * day - BigInt(count % 7) }));
    const stuck = new Set([ids[0], ids[5], ids[150]]);
    const removeOrFail = async (record: CaptureRecord): Promise<void> => {
      if (stuck.has(record.id)) throw new RangeError(`no ${record.id}`);
      removed.push(record.id);
    };
    const first = await run(removeOrFail);
    expect(first.expired).toBe(227);
    expect(new Set(first.failed.map(({ id }) => id))).toEqual(stuck);
    expect(first.failed[0]?.error).toBeInstanceOf(RangeError);
    expect(new Set(removed).size).toBe(227);
    for (const id of ids) expect((await captureById(db, id)) !== undefined).toBe(stuck.has(id));
    stuck.clear();
    expect(await run(removeOrFail)).toEqual({ expired: 3, failed: [] });
  });

  test('claims on creates are forgotten after ten minutes', async () => {
    const by = { account_id, principal_id: 'p' };
    const attempt = { ...by, body_hash: 'x', retry_count: 0, received_at: now, at: now };
    await db.transaction((tx) => claimCreate(tx, attempt, 'c'));
    now += 600_000_000_000n;
    await run(remove);
    expect((await countCreates(db, by, 0n)).count).toBe(1);
    now += 1n;
    await run(remove);
    expect((await countCreates(db, by, 0n)).count).toBe(0);
  });

  test('a lease that was given back goes, one that is held stays', async () => {
    const [done, held] = [await acquireLease(db, 'done', 'a', day), await acquireLease(db, 'held', 'a', day)];
    if (done === undefined || held === undefined) throw new Error('both were to be given');
    await releaseLease(db, done);
    await run(remove);
    expect(await db.query.selectFrom('leases').select('name').execute()).toEqual([{ name: 'held' }]);
  });
});
