import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { captureById, deleteCapture, insertCapture } from '../../db/captures.ts';
import type { Database } from '../../db/database.ts';
import { openDatabase } from '../../db/open_database.ts';
import { insertParts, partsOf } from '../../db/parts.ts';
import { freshId, plainAccount, plainCapture, runs } from '../../db/suite/samples.ts';
import type { CaptureRecord, PartRecord } from '../../model/record.ts';
import type { CaptureEvent } from '../../plan/capture_event.ts';
import { machineTimes } from '../../plan/machine_times.ts';
import { applyEvents } from './apply_event.ts';
import { captureView } from './capture_view.ts';
import { type FindView, knownViews } from './known_views.ts';

let folder: string;
let db: Database;
/** The same database in another process. */
let other: Database;
let find: FindView;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'edgetap-views-'));
  const url = `sqlite:${join(folder, 'db')}`;
  db = await openDatabase({ url });
  other = await openDatabase({ url });
  find = knownViews(db);
});
afterEach(async () => {
  await Promise.all([db.close(), other.close()]);
  rmSync(folder, { recursive: true });
});

const part = (capture_id: string, ordinal: number): PartRecord => ({
  capture_id,
  sensor: 's0',
  interface: `eth${ordinal}`,
  colo: 'lab01',
  ordinal,
  phase: 'assigned',
  sequence: 0,
});

async function store(account_id: string, ownership_id: string, parts: number): Promise<CaptureRecord> {
  const submitted = await db.now();
  const record = plainCapture(account_id, {
    spec: {
      type: 'full',
      system: 'magic-transit',
      time_limit_s: 60,
      filter_v1: {},
      format: 'pcap',
      colo_name: 'lab01',
      destination_conf: 'file:///b',
      ownership_id,
    },
    status: 'pending',
    delivery: 'staged',
    submitted,
  });
  await db.transaction(async (tx) => {
    await insertCapture(tx, record);
    await insertParts(
      tx,
      Array.from({ length: parts }, (_, ordinal) => part(record.id, ordinal)),
    );
  });
  return record;
}

/** What it should be, read anew. */
async function fresh(id: string): Promise<unknown> {
  const record = await captureById(db, id);
  return record === undefined ? undefined : captureView(record, await partsOf(db, id), db.clock);
}

const aReport = fc.record({
  of: fc.nat(1),
  phase: fc.constantFrom('armed' as const, 'ended' as const, 'failed' as const),
  packets: fc.bigInt({ min: 0n, max: 1000n }),
});
const anAction = fc.oneof(
  aReport,
  fc.constantFrom('uploaded' as const, 'stop' as const, 'tick' as const, 'look' as const, 'delete' as const),
);
type Action = typeof anAction extends fc.Arbitrary<infer T> ? T : never;

function eventOf(what: Exclude<Action, 'look' | 'delete'>, at: bigint, sequence: number): CaptureEvent {
  if (what === 'stop') return { kind: 'stop', at, cause: 'stopped' };
  if (what === 'tick') return { kind: 'tick', at, heard: new Map([['s0', at]]) };
  if (what === 'uploaded') {
    return { kind: 'uploaded', at, sensor: 's0', interface: 'eth0', size_bytes: 24n, sha256: 'f'.repeat(64) };
  }
  const { of, phase, packets } = what;
  const news = {
    sensor: 's0',
    interface: `eth${of}`,
    epoch: 'e',
    sequence,
    phase,
    packets,
    bytes: packets,
    armed_at: at,
  };
  return { kind: 'report', at, news };
}

test('whoever changes a capture, and whatever of it, what is found is what is stored', async () => {
  const { account_id, ownership_id } = await plainAccount(db);
  const action = fc.record({ by: fc.boolean(), what: anAction });
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 12 }), async (actions) => {
      const { id } = await store(account_id, ownership_id, 2);
      let sequence = 0;
      for (const { by, what } of actions) {
        const through = by ? db : other;
        const at = await db.now();
        sequence += 1;
        if (what === 'delete') await through.transaction((tx) => deleteCapture(tx, id));
        else if (what !== 'look') {
          const event = eventOf(what, at, sequence);
          await through.transaction((tx) => applyEvents(tx, id, [event], machineTimes));
        }
        expect(await find(account_id, id)).toEqual(await fresh(id));
      }
    }),
    { numRuns: runs(60) },
  );
});

test('the same object for as long as nothing changes, and nothing for another account', async () => {
  const { account_id, ownership_id } = await plainAccount(db);
  const { id } = await store(account_id, ownership_id, 1);
  const first = await find(account_id, id);
  expect(first).toBeDefined();
  expect(await find(account_id, id)).toBe(first);
  expect(await find(freshId(), id)).toBeUndefined();
  expect(await find(account_id, id)).toBe(first);
  await other.transaction((tx) => applyEvents(tx, id, [{ kind: 'stop', at: 5n, cause: 'stopped' }], machineTimes));
  expect(await find(account_id, id)).not.toBe(first);
  await other.transaction((tx) => deleteCapture(tx, id));
  expect(await find(account_id, id)).toBeUndefined();
});

test('what has many parts is not kept, nor more than a number of captures', async () => {
  const { account_id, ownership_id } = await plainAccount(db);
  const wide = await store(account_id, ownership_id, 9);
  expect(await find(account_id, wide.id)).not.toBe(await find(account_id, wide.id));
  const { id } = await store(account_id, ownership_id, 1);
  const first = await find(account_id, id);
  const ids: string[] = [];
  await db.transaction(async (tx) => {
    for (let count = 0; count < 1024; count += 1) {
      const record = plainCapture(account_id);
      ids.push(record.id);
      await insertCapture(tx, record);
    }
  });
  for (const one of ids.slice(1)) await find(account_id, one);
  expect(await find(account_id, id)).toBe(first);
  await find(account_id, ids[0] ?? '');
  const again = await find(account_id, id);
  expect(again).toEqual(first);
  expect(again).not.toBe(first);
});
