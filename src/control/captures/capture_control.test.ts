import { randomBytes } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import { AuditBook } from '../audit_book.ts';
import { insertAccount } from '../../db/accounts.ts';
import { listAudit } from '../../db/audit.ts';
import { captureById, insertCapture, updateCapture } from '../../db/captures.ts';
import type { Database } from '../../db/database.ts';
import { openDatabase } from '../../db/open_database.ts';
import { insertOwnership } from '../../db/ownerships.ts';
import { insertParts } from '../../db/parts.ts';
import { fault } from '../../model/errors/fault.ts';
import type { CaptureSpec } from '../../model/capture.ts';
import type { CaptureRecord } from '../../model/record.ts';
import type { Status } from '../../model/status.ts';
import { machineTimes } from '../../plan/machine_times.ts';
import type { Caller, CaptureControl } from '../control.ts';
import { CaptureChanges } from './capture_changes.ts';
import { FleetWatch } from '../fleet/fleet_watch.ts';
import { createCaptureControl } from './capture_control.ts';
import { createKeeper } from './keeper.ts';
import { Quotas } from '../quotas.ts';
import { AccountUsage } from '../../model/account_usage.ts';
import { LimitCounts } from '../../model/limit_counts.ts';
import { limitFallbacks } from '../../model/shared_limits.ts';
import { RefusalRate } from '../creates/refusal_rate.ts';

const account_id = 'a'.repeat(32);
const ownership_id = 'b'.repeat(32);
const by: Caller = {
  principal: { id: 'p'.repeat(32), kind: 'token', account_id, permission: 'write' },
  account_id,
  address: '192.0.2.1',
  request_id: 'r',
};
const common = { system: 'magic-transit', time_limit_s: 60, filter_v1: {}, format: 'pcap' } as const;
const specs: Readonly<Record<'simple' | 'full', CaptureSpec>> = {
  simple: { ...common, type: 'simple', packet_limit: 1, offset_time: 0n },
  full: { ...common, type: 'full', colo_name: 'lab01', destination_conf: 's3://b?region=x', ownership_id },
};

let db: Database;
let captures: CaptureControl;
let ended: string[] = [];
let now = 1_800_000_000_000_000_000n;

beforeEach(async () => {
  db = await openDatabase({ url: ':memory:', clock: () => (now += 1000n) });
  await db.transaction(async (tx) => {
    await insertAccount(tx, { id: account_id, name: 'x', created: 1n, scope: { sensors: 'all', networks: 'all' } });
    const bucket = { id: ownership_id, account_id, destination_conf: 's3://b?region=x', filename: 'f' } as const;
    await insertOwnership(tx, { ...bucket, status: 'success', submitted: 1n, validated: 2n, challenge_digest: 'd' });
  });
  const random = (count: number): Uint8Array => new Uint8Array(randomBytes(count));
  const unused = (): never => {
    throw new Error('it was not to be used');
  };
  const nothing = (): void => undefined;
  const consequences = { nudge: nothing, convert: nothing, lookback: nothing, past: nothing, discard: nothing };
  const never = new Proxy({}, { get: unused }) as never;
  changes = new CaptureChanges();
  ended = [];
  captures = createCaptureControl({
    watch: new FleetWatch(() => db.clock.now()),
    db,
    random,
    audit: new AuditBook({ limits: new LimitCounts(limitFallbacks), random, monotonic: () => 0 }),
    keeper: createKeeper(db, consequences, machineTimes, changes),
    changes,
    downloads: never,
    sleep: async (_ms, signal) =>
      await new Promise((done) => {
        elapse = done;
        signal.addEventListener('abort', () => done());
      }),
    checkFilter: unused,
    limits: new LimitCounts({
      ...limitFallbacks,
      creates_per_minute: 1,
      running_full: 1,
      requests: 2,
      requests_waiting: 3,
    }),
    refusals: new RefusalRate(new LimitCounts(limitFallbacks), () => 0),
    quotas: new Quotas(new LimitCounts(limitFallbacks), new AccountUsage(), () => Number.POSITIVE_INFINITY),
    packets_max: 1,
    refusal: unused,
    ahead: unused,
    claim: unused,
    begun: unused,
    buckets: never,
    results: never,
    endWork: (id) => void ended.push(id),
    keep_ns: 1n,
  });
  return () => db.close();
});

let changes: CaptureChanges;
/** Time has passed. */
let elapse: () => void;

let made = 0;
async function store(type: 'simple' | 'full', status: Status): Promise<string> {
  made += 1;
  const id = made.toString(16).padStart(32, '0');
  const record: CaptureRecord = {
    id,
    account_id,
    principal_id: 'p',
    spec: specs[type],
    scope: { sensors: 'all', networks: 'all' },
    status,
    submitted: now,
    delivery: type === 'full' ? 'direct' : 'lookback',
    piece_bytes: 8_388_608,
    version: 1n,
    ...(status === 'running' ? { armed_at: now, deadline: now + 60_000_000_000n } : {}),
  };
  await db.transaction(async (tx) => {
    await insertCapture(tx, record);
    if (type === 'simple') return;
    const phase = status === 'running' ? 'armed' : 'ended';
    const part = { capture_id: id, sensor: 's', interface: 'i', colo: 'lab01', ordinal: 0, sequence: 1 };
    await insertParts(tx, [{ ...part, phase }]);
  });
  return id;
}

describe('a file that is not there yet', () => {
  test.each([
    ['full', 'pending', 'ready once it has ended'],
    ['full', 'running', 'ready once it has ended'],
    ['full', 'unknown', 'ready once it has ended'],
    ['full', 'conversion_pending', 'not ready yet'],
    ['full', 'conversion_running', 'not ready yet'],
    ['simple', 'pending', 'not ready yet'],
    ['simple', 'running', 'not ready yet'],
    ['simple', 'conversion_running', 'not ready yet'],
    ['full', 'failed', 'left no file'],
    ['simple', 'failed', 'left no file'],
  ] as const)('%s, %s', async (type, status, text) => {
    await expect(captures.download(by, await store(type, status))).rejects.toThrow(text);
  });
});

test('lists of one account wait for their turn, so many of them, while the database is busy; another account has turns of its own', async () => {
  const busy = Promise.withResolvers<void>();
  const held = db.transaction(async () => await busy.promise);
  const page = { page: 1, per_page: 1 };
  const lists = Array.from({ length: 7 }, async () => await captures.list(by, page));
  const outcomes = lists.map(
    async (list) =>
      await list.then(
        () => 'listed',
        (error: { readonly faults: readonly { readonly message: string }[] }) => error.faults[0]?.message,
      ),
  );
  const other = captures.list({ ...by, account_id: 'c'.repeat(32) }, page);
  busy.resolve();
  await held;
  expect(await other).toEqual({ captures: [], total_count: 0 });
  const full = expect.stringContaining('(EDGETAP_REQUESTS_WAITING)');
  expect(await Promise.all(outcomes)).toEqual([...Array.from({ length: 5 }, () => 'listed'), full, full]);
});

test('a file that was kept long enough is gone', async () => {
  const id = await store('simple', 'success');
  await db.transaction(async (tx) => {
    await updateCapture(tx, id, 1n, { ended_at: now, size_bytes: 24n, sha256: 'f'.repeat(64) });
  });
  await expect(captures.download(by, id)).rejects.toMatchObject({ faults: [{ name: 'result_expired' }] });
});

const rows = async (): Promise<readonly string[]> =>
  (await listAudit(db, account_id, 10)).map((row) => `${row.action} ${row.subject} ${row.detail}`);

describe('a stop', () => {
  test('is written down once, however often it comes, together with what it does', async () => {
    const id = await store('full', 'running');
    await Promise.all([captures.stop(by, id), captures.stop(by, id), captures.stop(by, id)]);
    await captures.stop(by, id);
    expect(await rows()).toEqual([`capture.stop ${id} while running`]);
    const [row] = await listAudit(db, account_id, 1);
    const record = await captureById(db, id);
    expect(record?.stop_requested).toBeDefined();
    expect(row?.at).toBeGreaterThan(record?.stop_requested ?? now);
  });

  test.each(['conversion_pending', 'conversion_running', 'success', 'complete', 'failed'] as const)(
    'of what is %s changes nothing, and nothing is written down',
    async (status) => {
      const id = await store('full', status);
      const before = await captureById(db, id);
      await captures.stop(by, id);
      expect(await captureById(db, id)).toEqual(before);
      expect(await rows()).toEqual([]);
    },
  );
});

describe('asking for a look-back', () => {
  const asked = async (id: string): Promise<{ answered: () => boolean; status: Promise<Status> }> => {
    let answered = false;
    const status = captures.get(by, id).then((view) => {
      answered = true;
      return view.status;
    });
    await new Promise((done) => setTimeout(done, 20));
    return { answered: () => answered, status };
  };

  test('that has not ended waits for a change, and has it', async () => {
    const id = await store('simple', 'pending');
    const { answered, status } = await asked(id);
    expect(answered()).toBe(false);
    // Something happened that is not what was asked for.
    changes.tell(id);
    await new Promise((done) => setTimeout(done, 20));
    expect(answered()).toBe(false);
    await db.transaction(async (tx) => await updateCapture(tx, id, 1n, { status: 'success' }));
    changes.tell(id);
    expect(await status).toBe('success');
    expect(changes.size).toBe(0);
  });

  test('that does not change is answered after a moment', async () => {
    const { answered, status } = await asked(await store('simple', 'running'));
    expect(answered()).toBe(false);
    elapse();
    expect(await status).toBe('running');
    expect(changes.size).toBe(0);
  });

  test.each([
    ['simple', 'success'],
    ['simple', 'failed'],
    ['full', 'pending'],
    ['full', 'running'],
  ] as const)('or a capture that is %s and %s does not wait where nothing is about to come', async (type, status) => {
    expect(await (await asked(await store(type, status))).status).toBe(status);
  });
});

describe('a discard', () => {
  test('ends a full capture once, as failed, is audited, and ends what is under way for it', async () => {
    const id = await store('full', 'conversion_pending');
    await captures.discard(by, id);
    await captures.discard(by, id);
    expect(await rows()).toEqual([`capture.discard ${id} while conversion_pending`]);
    expect(await captureById(db, id)).toMatchObject({
      status: 'failed',
      error_message: fault('capture_discarded').message,
    });
    expect(ended).toEqual([id]);
    await expect(captures.discard({ ...by, account_id: 'b'.repeat(32) }, id)).rejects.toMatchObject({
      faults: [{ name: 'not_found' }],
    });
  });
});
