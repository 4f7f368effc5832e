import { randomBytes } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import { AuditBook } from '../audit_book.ts';
import { insertAccount } from '../../db/accounts.ts';
import { listAudit } from '../../db/audit.ts';
import type { Database } from '../../db/database.ts';
import { acquireLease } from '../../db/leases.ts';
import { openDatabase } from '../../db/open_database.ts';
import { fault, raise } from '../../model/errors/fault.ts';
import { FleetWatch } from '../fleet/fleet_watch.ts';
import type { Caller } from '../control.ts';
import { type CreateDeps, createCapture } from './create_capture.ts';
import { Quotas } from '../quotas.ts';
import { AccountUsage } from '../../model/account_usage.ts';
import { LimitCounts } from '../../model/limit_counts.ts';
import { limitFallbacks, type LimitValues } from '../../model/shared_limits.ts';
import { RefusalRate } from '../creates/refusal_rate.ts';

const account_id = 'a'.repeat(32);
const by: Caller = {
  principal: { id: 'p'.repeat(32), kind: 'token', account_id, permission: 'write' },
  account_id,
  address: '192.0.2.1',
  request_id: 'r',
};
const body = { type: 'simple', system: 'magic-transit', time_limit: 1, packet_limit: 1 };

let db: Database;
let now = 1_800_000_000_000_000_000n;
let begun: string[] = [];
/** What was begun ahead, and not given up. */
const ahead = new Set<string>();
let failure: 'none' | 'compiler' | 'defect' | 'shutdown' = 'none';

beforeEach(async () => {
  begun = [];
  ahead.clear();
  failure = 'none';
  db = await openDatabase({ url: ':memory:', clock: () => (now += 1_000_000n) });
  await db.transaction((tx) =>
    insertAccount(tx, { id: account_id, name: 'x', created: 1n, scope: { sensors: 'all', networks: 'all' } }),
  );
  return () => db.close();
});

const refusals = new RefusalRate(new LimitCounts(limitFallbacks), () => 0);
let usage = new AccountUsage();
let free_bytes = Number.POSITIVE_INFINITY;
let quota: Partial<LimitValues> = {};
beforeEach(() => {
  usage = new AccountUsage();
  free_bytes = Number.POSITIVE_INFINITY;
  quota = {};
});

const random = (count: number): Uint8Array => new Uint8Array(randomBytes(count));
const deps = (): CreateDeps => ({
  db,
  watch: new FleetWatch(() => now),
  inTurn: async (_, work) => await work(),
  random,
  audit: new AuditBook({ limits: new LimitCounts(limitFallbacks), random, monotonic: () => 0 }),
  checkFilter: async () => {
    if (failure === 'defect') throw new TypeError('a defect');
    if (failure === 'compiler') return { ok: false, faults: [fault('expression_compiler', { reason: 'it died' })] };
    return { ok: true, value: [] };
  },
  limits: new LimitCounts({ ...limitFallbacks, creates_per_minute: 100, running_full: 1 }),
  refusals,
  quotas: new Quotas(new LimitCounts({ ...limitFallbacks, ...quota }), usage, () => free_bytes),
  packets_max: 10_000,
  buckets: { ofCapture: () => raise('not_found', { what: 'bucket' }) },
  refusal: () => (failure === 'shutdown' ? 'it is shutting down' : undefined),
  ahead: ({ id }) => {
    ahead.add(id);
    return () => void ahead.delete(id);
  },
  claim: async (tx, { id }) => await acquireLease(tx, `work on ${id}`, 'me', 1_000_000_000n),
  begun: (record, _generations, lease) => void begun.push(`${record.id} ${lease?.name}`),
});

/** Sends a create, for the first time or again; gives the id of what it got. */
async function send(retry_count = 0): Promise<string> {
  const created = await createCapture(deps(), by, body, { retry_count });
  return created.ok ? created.capture.id : created.fault.name;
}

describe('what an account may have, and what must be left of the disk', () => {
  test('captures that are kept: a retry of a refused one is no older capture', async () => {
    quota = { captures_kept: 1 };
    await send();
    await expect(send()).rejects.toThrow(
      'has 1 captures that are kept, the most that one may have (EDGETAP_CAPTURES_KEPT)',
    );
    usage.add(account_id, 'captures_kept', -1);
    expect(await send(1)).toBe([...ahead].at(-1));
    expect(usage.of(account_id, 'captures_kept')).toBe(1);
  });

  test('bytes of results', async () => {
    quota = { results_bytes: 5 };
    usage.add(account_id, 'results_bytes', 4);
    await send();
    usage.add(account_id, 'results_bytes', 1);
    await expect(send()).rejects.toMatchObject({ faults: [{ name: 'account_quota' }] });
  });

  test('a floor of free disk', async () => {
    free_bytes = limitFallbacks.disk_free_bytes;
    await send();
    free_bytes -= 1;
    await expect(send()).rejects.toMatchObject({ faults: [{ name: 'disk_floor' }] });
  });
});

describe('a create that edgetap failed is remembered: sent again, it creates, and is not taken for the one before it', () => {
  test.each([
    ['compiler', 'could not be checked'],
    ['defect', 'a defect'],
    ['shutdown', 'it is shutting down'],
  ] as const)('%s', async (reason, message) => {
    const older = await send();
    failure = reason;
    await expect(send()).rejects.toThrow(message);
    await expect(send(1)).rejects.toThrow(message);
    failure = 'none';
    const made = await send(2);
    expect(made).not.toBe(older);
    // From here on there is a capture to be repeated.
    expect(await send(1)).toBe(made);
    expect(begun).toEqual([older, made].map((id) => `${id} work on ${id}`));
    expect((await listAudit(db, account_id, 10)).map((row) => row.subject)).toEqual([made, older]);
  });

  test('what the client got wrong is not: it is never sent again', async () => {
    const made = await send();
    const wrong = createCapture(deps(), by, { ...body, time_limit: 0 }, { retry_count: 0 });
    await expect(wrong).rejects.toThrow('time_limit');
    expect(await send(1)).toBe(made);
  });

  test('one that was made is given also while no other can be', async () => {
    const made = await send();
    failure = 'shutdown';
    expect(await send(1)).toBe(made);
  });
});

describe('what is begun ahead', () => {
  test('goes on for a capture that is made, and for no other', async () => {
    const made = await send();
    expect([...ahead]).toEqual([made]);
    expect(await send(1)).toBe(made);
    await expect(createCapture(deps(), by, { ...body, time_limit: 0 }, { retry_count: 0 })).rejects.toThrow(
      'time_limit',
    );
    expect([...ahead]).toEqual([made]);
  });

  test('is given up where the capture cannot be written down', async () => {
    const begins: string[] = [];
    const failing = {
      ...deps(),
      ahead: (...[record, sensors]: Parameters<CreateDeps['ahead']>) => {
        begins.push(record.id);
        return deps().ahead(record, sensors);
      },
      db: { ...db, transaction: failsAt(1) },
    };
    await expect(createCapture(failing, by, body, { retry_count: 0 })).rejects.toThrow('the disk is full');
    expect([begins.length, ahead.size, begun]).toEqual([1, 0, []]);
    // Nor is its work claimed.
    expect(await acquireLease(db, `work on ${begins[0]}`, 'somebody else', 1n)).toBeDefined();
  });

  test('is not begun for one that is over the limit', async () => {
    const limited = {
      ...deps(),
      limits: new LimitCounts({ ...limitFallbacks, creates_per_minute: 1, running_full: 1 }),
    };
    const made = await send();
    const refused = await createCapture(limited, by, body, { retry_count: 0 });
    expect(refused).toMatchObject({ ok: false, fault: { name: 'rate_limited' } });
    expect([...ahead]).toEqual([made]);
  });
});

/** Transactions of which one fails at its end. */
function failsAt(number: number): Database['transaction'] {
  let count = 0;
  return async (run) => {
    count += 1;
    const fails = count === number;
    return await db.transaction(async (tx) => {
      const result = await run(tx);
      if (fails) raise('database_failed', { reason: 'the disk is full' });
      return result;
    });
  };
}

describe('beyond the refusals of a minute', () => {
  const limited = (): { readonly deps: CreateDeps; readonly writes: () => number } => {
    let writes = 0;
    const limits = new LimitCounts({ ...limitFallbacks, creates_per_minute: 1, refusals_per_minute: 2 });
    const counting: Database = {
      ...db,
      transaction: async (run) => {
        writes += 1;
        return await db.transaction(run);
      },
    };
    const refusing = { ...deps(), db: counting, limits, refusals: new RefusalRate(limits, () => 0) };
    return { deps: refusing, writes: () => writes };
  };
  const outcome = async (deps_of: CreateDeps, asked: unknown, retry_count = 0): Promise<string> =>
    await createCapture(deps_of, by, asked, { retry_count }).then(
      (created) => (created.ok ? created.capture.id : created.fault.name),
      (error: { readonly faults: readonly [{ readonly name: string }] }) => error.faults[0].name,
    );

  test('a create costs no write: those that are over the rate count, too', async () => {
    const { deps: refusing, writes } = limited();
    await outcome(refusing, body);
    expect([
      await outcome(refusing, { ...body, time_limit: 2 }),
      await outcome(refusing, { ...body, time_limit: 3 }),
    ]).toEqual(['rate_limited', 'rate_limited']);
    const before = writes();
    for (let time_limit = 4; time_limit < 14; time_limit += 1) {
      expect(await outcome(refusing, { ...body, time_limit })).toBe('refusals_limited');
    }
    expect(writes()).toBe(before);
  });

  test('a retry of one is no older capture all the same', async () => {
    const { deps: refusing } = limited();
    const made = await outcome(refusing, body);
    for (const time_limit of [2, 3]) expect(await outcome(refusing, { ...body, time_limit })).toBe('rate_limited');
    expect(await outcome(refusing, body)).toBe('refusals_limited');
    const again = await send(1);
    expect(again).toMatch(/^[0-9a-f]{32}$/);
    expect(again).not.toBe(made);
  });
});

describe('match_inner', () => {
  const excluding =
    (...excluded: readonly number[]): CreateDeps['checkFilter'] =>
    async ({ linktypes }) => ({
      ok: true,
      value: linktypes.map((linktype) =>
        excluded.includes(linktype) ? { linktype, excluded: 'not here' } : { linktype },
      ),
    });
  const ask = (checkFilter: CreateDeps['checkFilter']): Promise<unknown> =>
    createCapture(
      { ...deps(), checkFilter },
      by,
      { ...body, match_inner: true, filter_expression: 'ip' },
      { retry_count: 0 },
    );

  test('has the filter for inner packets checked by itself, and is kept', async () => {
    const asked: unknown[] = [];
    const checkFilter: CreateDeps['checkFilter'] = async (request) => {
      asked.push([request.filter.any_tags_text, request.linktypes, request.live]);
      return { ok: true, value: request.linktypes.map((linktype) => ({ linktype })) };
    };
    expect(await ask(checkFilter)).toMatchObject({ ok: true, capture: { spec: { match_inner: true } } });
    expect(asked).toEqual([
      ['(ip)', [1], false],
      ['(ip)', [101], false],
    ]);
  });

  test.each([
    ['inner packets have no link layer', [101], 'match_inner_impossible', '/match_inner'],
    ['neither inner nor outer ones match', [1, 101], 'linktype_excluded', '/filter_expression'],
  ] as const)('%s', async (_, excluded, name, pointer) => {
    await expect(ask(excluding(...excluded))).rejects.toMatchObject({ faults: [{ name, pointer }] });
  });

  test('is enough where only inner packets can match', async () => {
    expect(await ask(excluding(1))).toMatchObject({ ok: true });
  });

  test('a compiler that fails over the inner filter is told', async () => {
    const checkFilter: CreateDeps['checkFilter'] = async ({ linktypes }) =>
      linktypes.includes(101)
        ? { ok: false, faults: [fault('expression_compiler', { reason: 'it died' })] }
        : { ok: true, value: [] };
    await expect(ask(checkFilter)).rejects.toMatchObject({ faults: [{ name: 'expression_compiler' }] });
  });
});

test("a filter that no interface can have packets for is the expression's fault", async () => {
  const checkFilter: CreateDeps['checkFilter'] = async ({ linktypes }) => ({
    ok: true,
    value: linktypes.map((linktype) => ({ linktype, excluded: 'no VLAN support' })),
  });
  const asked = createCapture(
    { ...deps(), checkFilter },
    by,
    { ...body, filter_expression: 'vlan 7' },
    { retry_count: 0 },
  );
  await expect(asked).rejects.toMatchObject({
    faults: [{ name: 'linktype_excluded', pointer: '/filter_expression' }],
  });
});
