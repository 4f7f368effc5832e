import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { CaptureRecord, PartRecord } from '../../model/record.ts';
import { isFinal } from '../../model/status.ts';
import {
  captureById,
  captureOf,
  type CapturePatch,
  capturesUsingOwnership,
  countByStatus,
  countRunningFull,
  deleteCapture,
  expiredCaptures,
  insertCapture,
  listCaptures,
  unfinishedCaptures,
  updateCapture,
} from '../captures.ts';
import type { Database } from '../database.ts';
import { capturesToClear, deleteUpload, insertUpload, type UploadRecord, uploadsOf } from '../uploads.ts';
import {
  captureWithParts,
  insertParts,
  partsOf,
  partsOfMany,
  partsOfSensor,
  updatePart,
  updateParts,
} from '../parts.ts';
import {
  anyCapture,
  anyPart,
  captureChanges,
  freshId,
  partChoices,
  plainAccount,
  plainCapture,
  runs,
} from './samples.ts';

/** What a record is after a change: null takes a field away. */
function changed<T extends object>(record: T, patch: object): T {
  const entries = Object.entries({ ...record, ...patch }).filter(([, value]) => value !== null);
  return Object.fromEntries(entries) as T;
}

/** Null for every field that may be missing, next to its own values. */
function withNulls(choices: Readonly<Record<string, fc.Arbitrary<unknown>>>, required: readonly string[]) {
  const fields = Object.entries(choices).map(([name, value]) => [
    name,
    required.includes(name) ? value : fc.option(value, { nil: null }),
  ]);
  return fc.record(Object.fromEntries(fields) as Record<string, fc.Arbitrary<unknown>>, { requiredKeys: [] });
}

const fullSpec = (ownership_id: string): CaptureRecord['spec'] => ({
  type: 'full',
  system: 'magic-transit',
  time_limit_s: 60,
  filter_v1: {},
  format: 'pcap',
  colo_name: 'ord01',
  destination_conf: 'file:///b',
  ownership_id,
});

/** Captures and parts: what is stored comes back, and every query agrees with a plain list. */
export function capturesSuite(database: () => Database): void {
  test('a capture comes back as it was stored, to the last digit', async () => {
    const db = database();
    const of = await plainAccount(db);
    await fc.assert(
      fc.asyncProperty(anyCapture(of), async (record) => {
        await db.transaction((tx) => insertCapture(tx, record));
        expect(await captureById(db, record.id)).toEqual(record);
        expect(await captureOf(db, of.account_id, record.id)).toEqual(record);
        expect(await captureOf(db, freshId(), record.id)).toBeUndefined();
        expect(await captureWithParts(db, of.account_id, record.id)).toEqual({ record, parts: [] });
        expect(await captureWithParts(db, freshId(), record.id)).toBeUndefined();
      }),
      { numRuns: runs(150) },
    );
  });

  test('an update changes what it names, once per version', async () => {
    const db = database();
    const of = await plainAccount(db);
    const patches = withNulls(captureChanges, ['status', 'delivery', 'piece_bytes']);
    await fc.assert(
      fc.asyncProperty(anyCapture(of), patches, async (record, patch) => {
        const update = (version: bigint): Promise<boolean> =>
          db.transaction((tx) => updateCapture(tx, record.id, version, patch as CapturePatch));
        await db.transaction((tx) => insertCapture(tx, record));
        expect(await update(record.version + 1n)).toBe(false);
        expect(await captureById(db, record.id)).toEqual(record);
        expect(await update(record.version)).toBe(true);
        expect(await update(record.version)).toBe(false);
        expect(await captureById(db, record.id)).toEqual(changed(record, { ...patch, version: record.version + 1n }));
      }),
      { numRuns: runs(100) },
    );
  });

  test('of many writers that read the same version, one wins', async () => {
    const db = database();
    const { account_id } = await plainAccount(db);
    const record = plainCapture(account_id);
    await db.transaction((tx) => insertCapture(tx, record));
    const tries = Array.from({ length: 20 }, (_, index) =>
      db.transaction((tx) => updateCapture(tx, record.id, 1n, { error_message: `writer ${index}` })),
    );
    expect((await Promise.all(tries)).filter(Boolean)).toEqual([true]);
  });

  test('lists agree with a plain list: order, pages, filters, totals', async () => {
    const db = database();
    const few = fc.record({
      submitted: fc.bigInt({ min: 0n, max: 3n }),
      status: fc.constantFrom('pending' as const, 'running' as const, 'success' as const, 'failed' as const),
      full: fc.boolean(),
    });
    const choice = fc.record(
      {
        page: fc.integer({ min: 1, max: 4 }),
        per_page: fc.integer({ min: 1, max: 7 }),
        status: fc.constantFrom('pending' as const, 'success' as const),
        type: fc.constantFrom('simple' as const, 'full' as const),
        after: fc.nat({ max: 14 }),
      },
      { requiredKeys: ['page', 'per_page'] },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(few, { maxLength: 15 }), choice, async (rows, query) => {
        const { account_id, ownership_id } = await plainAccount(db);
        const records = rows.map(({ full, ...row }) =>
          plainCapture(account_id, full ? { ...row, spec: fullSpec(ownership_id) } : row),
        );
        await db.transaction(async (tx) => {
          for (const record of records) await insertCapture(tx, record);
        });
        const matching = records
          .filter((one) => query.status === undefined || one.status === query.status)
          .filter((one) => query.type === undefined || one.spec.type === query.type)
          .toSorted((a, b) =>
            a.submitted === b.submitted ? (a.id < b.id ? 1 : -1) : a.submitted < b.submitted ? 1 : -1,
          );
        const before = query.after === undefined ? undefined : matching[query.after];
        const from = (query.page - 1) * query.per_page + (before === undefined ? 0 : matching.indexOf(before) + 1);
        expect(await listCaptures(db, { account_id, ...query, before })).toEqual({
          records: matching.slice(from, from + query.per_page),
          total: matching.length,
        });
        const mine = (found: readonly CaptureRecord[]): string[] =>
          found.filter((one) => one.account_id === account_id).map((one) => one.id);
        const ids = (keep: (one: CaptureRecord) => boolean): string[] =>
          records
            .filter(keep)
            .toSorted((a, b) =>
              a.submitted === b.submitted ? (a.id < b.id ? -1 : 1) : a.submitted < b.submitted ? -1 : 1,
            )
            .map((one) => one.id);
        expect(mine(await unfinishedCaptures(db))).toEqual(ids((one) => !isFinal(one.status)));
        expect(mine(await capturesUsingOwnership(db, ownership_id))).toEqual(
          ids((one) => one.spec.type === 'full' && !isFinal(one.status)),
        );
        const running = await db.transaction((tx) => countRunningFull(tx, account_id, 'p'));
        expect(running).toBe(ids((one) => one.spec.type === 'full' && !isFinal(one.status)).length);
        expect(await db.transaction((tx) => countRunningFull(tx, account_id, 'q'))).toBe(0);
      }),
      { numRuns: runs(60) },
    );
  });

  test('the counts by kind and status are those of the captures, whatever becomes of them', async () => {
    const db = database();
    const { account_id, ownership_id } = await plainAccount(db);
    const counted = async (): Promise<readonly string[]> => {
      const rows = await db.query
        .selectFrom('captures')
        .select((row) => ['type', 'status', row.fn.countAll<bigint>().as('count')])
        .groupBy(['type', 'status'])
        .execute();
      return rows.map(({ type, status, count }) => `${type} ${status} ${count}`).toSorted();
    };
    const told = async (): Promise<readonly string[]> =>
      (await countByStatus(db)).map(({ type, status, count }) => `${type} ${status} ${count}`).toSorted();
    const status = fc.constantFrom('pending' as const, 'running' as const, 'success' as const, 'failed' as const);
    const step = fc.oneof(
      fc.record({ insert: fc.boolean(), status }),
      fc.record({ at: fc.nat({ max: 9 }), status, undone: fc.boolean() }),
      fc.record({ gone: fc.nat({ max: 9 }) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
        const there: { readonly id: string; version: bigint }[] = [];
        for (const one of steps) {
          if ('insert' in one) {
            const spec = one.insert ? { spec: fullSpec(ownership_id) } : {};
            const record = plainCapture(account_id, { status: one.status, ...spec });
            await db.transaction(async (tx) => await insertCapture(tx, record));
            there.push({ id: record.id, version: record.version });
          } else if ('gone' in one) {
            const [gone] = there.splice(one.gone, 1);
            await db.transaction(async (tx) => await deleteCapture(tx, gone?.id ?? ''));
          } else {
            const known = there[one.at];
            if (known === undefined) continue;
            const changed = db.transaction(async (tx) => {
              expect(await updateCapture(tx, known.id, known.version, { status: one.status })).toBe(true);
              if (one.undone) throw new Error('undone');
            });
            await changed.then(
              () => (known.version += 1n),
              () => undefined,
            );
          }
        }
        expect(await told()).toEqual(await counted());
      }),
      { numRuns: runs(30) },
    );
  });

  test('expired: final, ended before, in pages', async () => {
    const db = database();
    const { account_id } = await plainAccount(db);
    await db.query.deleteFrom('captures').execute();
    const base = -(2n ** 62n);
    const at = (submitted: bigint, ended_at?: bigint, status: 'success' | 'running' = 'success'): CaptureRecord =>
      plainCapture(account_id, {
        submitted: base + submitted,
        status,
        ...(ended_at === undefined ? {} : { ended_at: base + ended_at }),
      });
    const [old, noEnd, late, running, young] = [at(1n, 5n), at(2n), at(3n, 10n), at(4n, 5n, 'running'), at(11n, 12n)];
    await db.transaction(async (tx) => {
      for (const record of [young, running, late, noEnd, old]) await insertCapture(tx, record);
    });
    const ids = async (limit: number, after?: CaptureRecord): Promise<string[]> =>
      (await expiredCaptures(db, base + 10n, limit, after)).map((record) => record.id);
    expect(await ids(10)).toEqual([old.id, noEnd.id]);
    expect(await ids(1)).toEqual([old.id]);
    expect(await ids(1, old)).toEqual([noEnd.id]);
    expect(await ids(1, noEnd)).toEqual([]);
  });

  test('uploads are remembered until they are cleared up; those of final captures are found', async () => {
    const db = database();
    const { account_id } = await plainAccount(db);
    const [running, over, clear] = [
      plainCapture(account_id, { status: 'running' }),
      plainCapture(account_id, { status: 'failed' }),
      plainCapture(account_id, { status: 'success' }),
    ];
    const upload = (of: CaptureRecord, upload_id: string, place: 'bucket' | 'staging' = 'bucket'): UploadRecord => ({
      capture_id: of.id,
      upload_id,
      object_key: `${of.id}.pcap`,
      place,
    });
    const all = [upload(running, 'a'), upload(over, 'a'), upload(over, 'b', 'staging')];
    await db.transaction(async (tx) => {
      for (const record of [running, over, clear]) await insertCapture(tx, record);
      for (const one of all) await insertUpload(tx, one);
    });
    const mine = async (): Promise<string[]> =>
      (await capturesToClear(db)).filter((id) => [running.id, over.id, clear.id].includes(id));
    expect(await uploadsOf(db, running.id)).toEqual([all[0]]);
    expect(await uploadsOf(db, over.id)).toEqual([all[1], all[2]]);
    expect(await uploadsOf(db, clear.id)).toEqual([]);
    expect(await mine()).toEqual([over.id]);
    await db.transaction((tx) => deleteUpload(tx, { capture_id: over.id, upload_id: 'a' }));
    expect(await uploadsOf(db, over.id)).toEqual([all[2]]);
    expect(await uploadsOf(db, running.id)).toEqual([all[0]]);
    await db.transaction((tx) => deleteCapture(tx, over.id));
    expect(await uploadsOf(db, over.id)).toEqual([]);
    expect(await mine()).toEqual([]);
  });

  test('a deleted capture takes its parts along', async () => {
    const db = database();
    const { account_id } = await plainAccount(db);
    const record = plainCapture(account_id);
    const [part] = fc.sample(anyPart(record.id, 0), 1);
    await db.transaction(async (tx) => {
      await insertCapture(tx, record);
      await insertParts(tx, part === undefined ? [] : [part]);
    });
    expect(await partsOf(db, record.id)).toHaveLength(1);
    await db.transaction((tx) => deleteCapture(tx, record.id));
    expect(await captureById(db, record.id)).toBeUndefined();
    expect(await partsOf(db, record.id)).toEqual([]);
  });

  test('parts come back in their order, as stored and as changed', async () => {
    const db = database();
    const { account_id } = await plainAccount(db);
    const patches = withNulls(partChoices, ['phase', 'sequence']);
    const parts = fc.tuple(anyPart('', 0), anyPart('', 1), anyPart('', 2));
    await fc.assert(
      fc.asyncProperty(parts, patches, async (drawn, patch) => {
        const record = plainCapture(account_id);
        const stored = drawn.map((part) => ({ ...part, capture_id: record.id }));
        await db.transaction(async (tx) => {
          await insertCapture(tx, record);
          await insertParts(tx, stored.toReversed());
        });
        expect(await partsOf(db, record.id)).toEqual(stored);
        const [first, second, third] = stored as [PartRecord, PartRecord, PartRecord];
        await db.transaction(async (tx) => {
          await updateParts(tx, [
            { key: second, patch },
            { key: third, patch: {} },
          ]);
          expect(await updatePart(tx, { ...first, interface: 'none' }, { sequence: 1 })).toBe(false);
        });
        expect(await partsOf(db, record.id)).toEqual([first, changed(second, patch), third]);
        expect(await captureWithParts(db, account_id, record.id)).toEqual({
          record,
          parts: [first, changed(second, patch), third],
        });
        const others = Array.from({ length: 5 }, freshId);
        for (const ids of [[record.id], [freshId(), record.id], [record.id, ...others], [...others, record.id]]) {
          expect(await partsOfMany(db, ids)).toEqual(new Map([[record.id, [first, changed(second, patch), third]]]));
        }
      }),
      { numRuns: runs(80) },
    );
    expect(await partsOfMany(db, [])).toEqual(new Map());
  });

  test("a sensor's desired work is what is not delivered of captures that are not final", async () => {
    const db = database();
    const { account_id } = await plainAccount(db);
    const sensor = freshId();
    const make = async (submitted: bigint, status: CaptureRecord['status'], phase: PartRecord['phase']) => {
      const record = plainCapture(account_id, { submitted, status });
      const part = { capture_id: record.id, sensor, interface: 'eth0', colo: 'x', ordinal: 0, phase, sequence: 0 };
      await db.transaction(async (tx) => {
        await insertCapture(tx, record);
        await insertParts(tx, [part, { ...part, sensor: `${sensor}-other`, ordinal: 1 }]);
      });
      return { capture: record, part };
    };
    const armed = await make(2n, 'running', 'armed');
    const assigned = await make(1n, 'pending', 'assigned');
    const ended = await make(3n, 'conversion_pending', 'ended');
    await make(4n, 'running', 'uploaded');
    await make(5n, 'failed', 'armed');
    expect(await partsOfSensor(db, sensor)).toEqual([assigned, armed, ended]);
    expect(await partsOfSensor(db, freshId())).toEqual([]);
  });
}
