import type { Selectable } from 'kysely';
import type { CaptureRecord, PartRecord } from '../model/record.ts';
import { captureOfRow } from './capture_rows.ts';
import { finalStatuses, unfinishedStatuses } from './captures.ts';
import { builtInsert, builtByShape, builtOnce } from './built_once.ts';
import { readable, readableOne } from './damaged_row.ts';
import type { Queries, Transaction } from './database.ts';
import { type PartPatch, partChanges, partColumns, partOfRow, partRow } from './part_rows.ts';
import type { PartsTable } from './tables.ts';

/** Which part. */
export type PartKey = Pick<PartRecord, 'capture_id' | 'sensor' | 'interface'>;

const insertRow = builtInsert('parts');

/** Stores the parts of a new capture. */
export async function insertParts(tx: Transaction, parts: readonly PartRecord[]): Promise<void> {
  for (const part of parts) await insertRow(tx, partRow(part));
}

const rowsOf = builtOnce((query, capture_id: string) =>
  query.selectFrom('parts').selectAll().where('capture_id', '=', capture_id).orderBy('ordinal'),
);

/** The parts of a capture, in their total order. */
export async function partsOf(db: Queries, capture_id: string): Promise<readonly PartRecord[]> {
  return (await rowsOf(db, capture_id)).map(partOfRow);
}

const prefixed = partColumns.map((column) => ({ column, as: `part_${column}` as const }));

const rowsWithParts = builtOnce((query, id: string, account_id: string) =>
  query
    .selectFrom('captures')
    .leftJoin('parts', 'parts.capture_id', 'captures.id')
    .selectAll('captures')
    .select(prefixed.map(({ column, as }) => `parts.${column} as ${as}` as const))
    .where('captures.id', '=', id)
    .where('captures.account_id', '=', account_id)
    .orderBy('parts.ordinal'),
);

/**
 * The capture of an id in an account with its parts in their total order, all of one moment; another account's is as unknown
 * as one that does not exist.
 */
export async function captureWithParts(
  db: Queries,
  account_id: string,
  id: string,
): Promise<{ readonly record: CaptureRecord; readonly parts: readonly PartRecord[] } | undefined> {
  const rows = await rowsWithParts(db, id, account_id);
  const [first] = rows;
  if (first === undefined) return undefined;
  // A capture that has no parts has one row, without any.
  const own = first.part_capture_id === null ? [] : rows;
  const parts = own.map((row) => {
    const part: Partial<Record<keyof PartsTable, unknown>> = {};
    for (const { column, as } of prefixed) part[column] = row[as];
    return partOfRow(part as Selectable<PartsTable>);
  });
  return { record: captureOfRow(first), parts };
}

/** So many places for ids has the list of a query: few lengths, so that few queries are built. */
function placesFor(ids: readonly string[]): number {
  return 2 ** Math.ceil(Math.log2(ids.length));
}

/** The ids, and the last one again where places are left. */
function inPlaces(ids: readonly string[]): string[] {
  return Array.from({ length: placesFor(ids) }, (_, index) => ids[Math.min(index, ids.length - 1)] ?? '');
}

const rowsOfMany = builtByShape(placesFor, inPlaces, (query, ids: readonly string[]) =>
  query.selectFrom('parts').selectAll().where('capture_id', 'in', inPlaces(ids)).orderBy('ordinal'),
);

/** The parts of several captures (one page of a list), by capture, each in its total order. */
export async function partsOfMany(
  db: Queries,
  capture_ids: readonly string[],
): Promise<ReadonlyMap<string, readonly PartRecord[]>> {
  if (capture_ids.length === 0) return new Map();
  return Map.groupBy(readable(db, await rowsOfMany(db, capture_ids), partOfRow), (part) => part.capture_id);
}

const overPhases = ['uploaded', 'failed', 'excluded', 'lost'] as const;

const overOfMany = builtByShape(
  placesFor,
  (ids: readonly string[]) => [...inPlaces(ids), ...overPhases, ...finalStatuses],
  (query, ids: readonly string[]) =>
    query
      .selectFrom('parts')
      .innerJoin('captures', 'captures.id', 'parts.capture_id')
      .select(['parts.capture_id', 'parts.sensor', 'parts.interface'])
      .where('parts.capture_id', 'in', inPlaces(ids))
      .where((row) => row.or([row('parts.phase', 'in', overPhases), row('captures.status', 'in', finalStatuses)])),
);
const ids_at_once = 512;

/** The parts of a sensor, by any of its names, among the captures named that are over, whatever became of them. One that there is no row of, or none that says so, is not. */
export async function partsOver(
  db: Queries,
  names: readonly string[],
  named: readonly Pick<PartKey, 'capture_id'>[],
): Promise<readonly PartKey[]> {
  const ids = [...new Set(named.map((part) => part.capture_id))];
  const found: PartKey[] = [];
  for (let at = 0; at < ids.length; at += ids_at_once) {
    const rows = await overOfMany(db, ids.slice(at, at + ids_at_once));
    found.push(...rows.filter((row) => names.includes(row.sensor)));
  }
  return found;
}

/** Changes one part; false when there is no such part. */
export async function updatePart(tx: Transaction, key: PartKey, patch: PartPatch): Promise<boolean> {
  const changes = partChanges(patch);
  if (Object.keys(changes).length === 0) return true;
  const { numUpdatedRows } = await tx.query
    .updateTable('parts')
    .set(changes)
    .where('capture_id', '=', key.capture_id)
    .where('sensor', '=', key.sensor)
    .where('interface', '=', key.interface)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** Changes many parts in one transaction: the progress of a second. Parts that are gone are passed over. */
export async function updateParts(
  tx: Transaction,
  changes: readonly { readonly key: PartKey; readonly patch: PartPatch }[],
): Promise<void> {
  for (const { key, patch } of changes) await updatePart(tx, key, patch);
}

const capturingPhases = ['assigned', 'armed'] as const;
const capturedRows = builtByShape(
  () => 'the only one',
  () => [...capturingPhases, ...unfinishedStatuses],
  (query) =>
    query
      .selectFrom('parts')
      .innerJoin('captures', 'captures.id', 'parts.capture_id')
      .select(['parts.sensor', 'captures.account_id'])
      .select((row) => row.fn.countAll().as('count'))
      .where('parts.phase', 'in', [...capturingPhases])
      .where('captures.status', 'in', unfinishedStatuses)
      .groupBy(['parts.sensor', 'captures.account_id']),
);

/** How many parts each sensor captures, or is about to, by its name. */
export interface PartsCaptured {
  readonly all: ReadonlyMap<string, number>;
  /** Of each account that has any. */
  readonly by_account: ReadonlyMap<string, ReadonlyMap<string, number>>;
}

/** What the sensors capture, or are about to. */
export async function partsCaptured(db: Queries): Promise<PartsCaptured> {
  const all = new Map<string, number>();
  const by_account = new Map<string, Map<string, number>>();
  for (const { sensor, account_id, count } of await capturedRows(db, undefined)) {
    all.set(sensor, (all.get(sensor) ?? 0) + Number(count));
    const own = by_account.get(account_id) ?? new Map<string, number>();
    by_account.set(account_id, own.set(sensor, Number(count)));
  }
  return { all, by_account };
}

/**
 * A sensor's desired work: its parts that are assigned, armed or ended (not yet delivered) of captures that are not final,
 * each with its capture, oldest capture first.
 */
export async function partsOfSensor(
  db: Queries,
  sensor: string,
): Promise<readonly { readonly capture: CaptureRecord; readonly part: PartRecord }[]> {
  const rows = await db.query
    .selectFrom('parts')
    .innerJoin('captures', 'captures.id', 'parts.capture_id')
    .selectAll('parts')
    .where('parts.sensor', '=', sensor)
    .where('parts.phase', 'in', ['assigned', 'armed', 'ended'])
    .where('captures.status', 'in', unfinishedStatuses)
    .orderBy('captures.submitted')
    .orderBy('parts.ordinal')
    .execute();
  if (rows.length === 0) return [];
  const ids = new Set(rows.map((row) => row.capture_id));
  const captures = await db.query
    .selectFrom('captures')
    .selectAll()
    .where('id', 'in', [...ids])
    .execute();
  const byId = new Map(readable(db, captures, captureOfRow).map((record) => [record.id, record]));
  return rows.flatMap((row) => {
    const capture = byId.get(row.capture_id);
    const part = readableOne(db, () => partOfRow(row));
    return capture === undefined || part === undefined ? [] : [{ capture, part }];
  });
}
