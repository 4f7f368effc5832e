import { type RawBuilder, sql, type SqlBool } from 'kysely';
import type { CaptureRecord } from '../model/record.ts';
import { isFinal, type Status, statuses } from '../model/status.ts';
import type { TimeNs } from '../model/time.ts';
import { builtByShape, builtInsert, builtOnce } from './built_once.ts';
import { captureOfRow, captureRow } from './capture_rows.ts';
import { readable } from './damaged_row.ts';
import type { Queries, Transaction } from './database.ts';
import type { Patch } from './patch.ts';

/** Those of captures that have ended for good. */
export const finalStatuses: readonly Status[] = statuses.filter(isFinal);
/** Of captures that go on. */
export const unfinishedStatuses: readonly Status[] = statuses.filter((status) => !isFinal(status));

/** What of a capture may change after it was made. */
export type CapturePatch = Patch<
  Omit<CaptureRecord, 'id' | 'account_id' | 'principal_id' | 'spec' | 'scope' | 'submitted' | 'version'>
>;

/** Which page of an account's captures; pages count from 1. */
export interface CapturePage {
  readonly account_id: string;
  readonly page: number;
  readonly per_page: number;
  readonly status?: Status | undefined;
  readonly type?: 'simple' | 'full' | undefined;
  /** Only those that come after this one in the list. */
  readonly before?: Position | undefined;
}

/** Where a capture is in the list. */
type Position = Pick<CaptureRecord, 'submitted' | 'id'>;

const insertRow = builtInsert('captures');

/** Stores a new capture; its account and its bucket must exist. */
export async function insertCapture(tx: Transaction, record: CaptureRecord): Promise<void> {
  await insertRow(tx, captureRow(record));
}

const rowOfId = builtOnce((query, id: string) => query.selectFrom('captures').selectAll().where('id', '=', id));

/** The capture of an id, whosever it is: for work on captures, never for an answer to a client. */
export async function captureById(db: Queries, id: string): Promise<CaptureRecord | undefined> {
  const [row] = await rowOfId(db, id);
  return row === undefined ? undefined : captureOfRow(row);
}

const rowOf = builtOnce((query, id: string, account_id: string) =>
  query.selectFrom('captures').selectAll().where('id', '=', id).where('account_id', '=', account_id),
);

/** Which of these ids, a few hundred at most, are those of captures. */
export async function knownCaptures(db: Queries, ids: readonly string[]): Promise<ReadonlySet<string>> {
  if (ids.length === 0) return new Set();
  const rows = await db.query.selectFrom('captures').select('id').where('id', 'in', ids).execute();
  return new Set(rows.map(({ id }) => id));
}

/** The capture of an id in an account; another account's is as unknown as one that does not exist. */
export async function captureOf(db: Queries, account_id: string, id: string): Promise<CaptureRecord | undefined> {
  const [row] = await rowOf(db, id, account_id);
  return row === undefined ? undefined : captureOfRow(row);
}

const versionsOf = builtOnce((query, id: string, account_id: string) =>
  query.selectFrom('captures').select('version').where('id', '=', id).where('account_id', '=', account_id),
);

/** The version that a capture of an account is at, which grows with every change of it and its parts; undefined as in `captureOf`. */
export async function captureVersion(db: Queries, account_id: string, id: string): Promise<bigint | undefined> {
  return (await versionsOf(db, id, account_id))[0]?.version;
}

/** The kinds of captures. */
const types = ['simple', 'full'] as const;

const filters = ({ status, type }: CapturePage): string =>
  `${status === undefined ? '' : 'status'} ${type === undefined ? '' : 'type'}`;
const conditions = (page: CapturePage): string => `${filters(page)} ${page.before === undefined ? '' : 'before'}`;

/** Kept by triggers: counting the captures themselves takes the longer the more there are. */
const totalOf = builtByShape(
  filters,
  ({ account_id, status, type }: CapturePage) => [account_id, status ?? [], type ?? []].flat(),
  (query, { account_id, status, type }: CapturePage) => {
    let rows = query.selectFrom('capture_counts').where('account_id', '=', account_id);
    if (status !== undefined) rows = rows.where('status', '=', status);
    if (type !== undefined) rows = rows.where('type', '=', type);
    return rows.select((row) => row.fn.sum<bigint | null>('captures').as('total'));
  },
);

/** The part of an index that one kind in one status takes is in the order of the list; a list over several merges them. */
type Stretch = Pick<CaptureRecord, 'status'> & { readonly type: 'simple' | 'full' };
const stretchesOf = ({ status, type }: CapturePage): readonly Stretch[] =>
  (type === undefined ? types : [type]).flatMap((one) =>
    (status === undefined ? statuses : [status]).map((state) => ({ type: one, status: state })),
  );
const positionOf = ({ before }: CapturePage): (string | bigint)[] =>
  before === undefined ? [] : [before.submitted, before.id];
const boundsOf = ({ page, per_page }: CapturePage): bigint[] => [BigInt(per_page), BigInt((page - 1) * per_page)];

const pageOfAll = builtByShape(
  conditions,
  (page) => [page.account_id, ...positionOf(page), ...boundsOf(page)],
  (query, { account_id, before, page, per_page }: CapturePage) => {
    const rows = query.selectFrom('captures').selectAll().where('account_id', '=', account_id);
    return (before === undefined ? rows : rows.where(olderThan(before)))
      .orderBy('submitted', 'desc')
      .orderBy('id', 'desc')
      .limit(per_page)
      .offset((page - 1) * per_page);
  },
);
const pageOfSome = builtByShape(
  conditions,
  (page) => [
    ...stretchesOf(page).flatMap(({ type, status }) => [page.account_id, type, status, ...positionOf(page)]),
    ...boundsOf(page),
  ],
  (query, asked: CapturePage) => {
    const { account_id, before, page, per_page } = asked;
    const idsOf = ({ type, status }: Stretch) => {
      const rows = query
        .selectFrom('captures')
        .select(['id', 'submitted'])
        .where('account_id', '=', account_id)
        .where('type', '=', type)
        .where('status', '=', status);
      return before === undefined ? rows : rows.where(olderThan(before));
    };
    const [first, ...more] = stretchesOf(asked).map(idsOf);
    if (first === undefined) throw new TypeError('a list is of one kind in one status, or more');
    const found = more
      .reduce((joined, one) => joined.unionAll(one), first)
      .orderBy('submitted', 'desc')
      .orderBy('id', 'desc')
      .limit(per_page)
      .offset((page - 1) * per_page);
    return query
      .selectFrom('captures')
      .innerJoin(found.as('found'), 'found.id', 'captures.id')
      .selectAll('captures')
      .orderBy('captures.submitted', 'desc')
      .orderBy('captures.id', 'desc');
  },
);

function olderThan({ submitted, id }: Position): RawBuilder<SqlBool> {
  return sql<SqlBool>`(submitted, id) < (${submitted}, ${id})`;
}

/**
 * One page of an account's captures, newest first (submitted, then id), and how many there are in all. It takes as long as the page is deep,
 * however many captures there are and whichever are asked for.
 */
export async function listCaptures(
  db: Queries,
  page: CapturePage,
): Promise<{ readonly records: readonly CaptureRecord[]; readonly total: number }> {
  const [counted] = await totalOf(db, page);
  const all = page.status === undefined && page.type === undefined;
  const rows = await (all ? pageOfAll : pageOfSome)(db, page);
  return { records: readable(db, rows, captureOfRow), total: Number(counted?.total ?? 0) };
}

/** Every capture that is not final, oldest first: what control takes up again after a start. */
export async function unfinishedCaptures(db: Queries): Promise<readonly CaptureRecord[]> {
  const rows = await db.query
    .selectFrom('captures')
    .selectAll()
    .where('status', 'in', unfinishedStatuses)
    .orderBy('submitted')
    .orderBy('id')
    .execute();
  return readable(db, rows, captureOfRow);
}

/**
 * Changes a capture if it is still at `version`, and moves it to the next version.
 *
 * @returns false when somebody else has changed it since (or it is gone): read it again and decide again
 */
export async function updateCapture(
  tx: Transaction,
  id: string,
  version: bigint,
  patch: CapturePatch,
): Promise<boolean> {
  const { piece_bytes, packets_dropped_is_upper_bound: bound, truncated, ...plain } = patch;
  const { numUpdatedRows } = await tx.query
    .updateTable('captures')
    .set({
      ...plain,
      ...(piece_bytes === undefined ? {} : { piece_bytes: BigInt(piece_bytes) }),
      ...(bound === undefined ? {} : { packets_dropped_is_upper_bound: bound === null ? null : BigInt(bound) }),
      ...(truncated === undefined ? {} : { truncated: truncated === null ? null : BigInt(truncated) }),
      version: version + 1n,
    })
    .where('id', '=', id)
    .where('version', '=', version)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** How many full captures of a principal are pending or running. */
export async function countRunningFull(tx: Transaction, account_id: string, principal_id: string): Promise<number> {
  const { total } = await tx.query
    .selectFrom('captures')
    .select((row) => row.fn.countAll<bigint>().as('total'))
    .where('status', 'in', ['pending', 'running'])
    .where('type', '=', 'full')
    .where('account_id', '=', account_id)
    .where('principal_id', '=', principal_id)
    .executeTakeFirstOrThrow();
  return Number(total);
}

/** The unfinished captures that deliver into a bucket, oldest first. */
export async function capturesUsingOwnership(db: Queries, ownership_id: string): Promise<readonly CaptureRecord[]> {
  const rows = await db.query
    .selectFrom('captures')
    .selectAll()
    .where('ownership_id', '=', ownership_id)
    .where('status', 'in', unfinishedStatuses)
    .orderBy('submitted')
    .orderBy('id')
    .execute();
  return readable(db, rows, captureOfRow);
}

/**
 * Final captures that ended before a moment (those without an end: that were submitted before it), oldest first.
 *
 * @param after the last one of the page before
 */
export async function expiredCaptures(
  db: Queries,
  before: TimeNs,
  limit: number,
  after?: Pick<CaptureRecord, 'submitted' | 'id'>,
): Promise<readonly CaptureRecord[]> {
  let query = db.query
    .selectFrom('captures')
    .selectAll()
    .where('status', 'in', finalStatuses)
    .where('submitted', '<', before)
    .where((row) => row.fn.coalesce('ended_at', 'submitted'), '<', before);
  if (after !== undefined) {
    query = query.where((row) =>
      row.or([
        row('submitted', '>', after.submitted),
        row.and([row('submitted', '=', after.submitted), row('id', '>', after.id)]),
      ]),
    );
  }
  const rows = await query.orderBy('submitted').orderBy('id').limit(limit).execute();
  return readable(db, rows, captureOfRow);
}

/** Deletes a capture and its parts. */
export async function deleteCapture(tx: Transaction, id: string): Promise<void> {
  await tx.query.deleteFrom('captures').where('id', '=', id).execute();
}

/** How many captures of each kind and status there are, over all accounts. Takes as long however many there are. */
export async function countByStatus(
  db: Queries,
): Promise<readonly { readonly type: 'simple' | 'full'; readonly status: Status; readonly count: number }[]> {
  const rows = await db.query
    .selectFrom('capture_counts')
    .select((row) => ['type', 'status', row.fn.sum<bigint>('captures').as('count')])
    .where('captures', '>', 0n)
    .groupBy(['type', 'status'])
    .execute();
  return rows.map(({ type, status, count }) => ({ type, status, count: Number(count) }));
}
