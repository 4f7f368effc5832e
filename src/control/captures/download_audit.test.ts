import { randomBytes } from 'node:crypto';
import { beforeEach, expect, test } from 'vitest';
import { insertAccount } from '../../db/accounts.ts';
import { listAudit } from '../../db/audit.ts';
import type { Database } from '../../db/database.ts';
import { openDatabase } from '../../db/open_database.ts';
import { LimitCounts } from '../../model/limit_counts.ts';
import { limitFallbacks } from '../../model/shared_limits.ts';
import type { Actor, RandomBytes } from '../audit.ts';
import { AuditBook } from '../audit_book.ts';
import { DownloadAudit } from './download_audit.ts';

const account_id = 'a'.repeat(32);
const [one, other]: readonly [Actor, Actor] = [
  { account_id, principal_id: 'one', address: '192.0.2.1' },
  { account_id, principal_id: 'other', address: '192.0.2.1' },
];
let db: Database;
let audit: DownloadAudit;
let now_ms: number;

const monotonic = (): number => now_ms;
const bookOf = (audit_rows: number, random: RandomBytes): AuditBook =>
  new AuditBook({ limits: new LimitCounts({ ...limitFallbacks, audit_rows }), random, monotonic });

beforeEach(async () => {
  let at = 0n;
  db = await openDatabase({ url: ':memory:', clock: () => (at += 1n) });
  await db.transaction((tx) =>
    insertAccount(tx, { id: account_id, name: 'x', created: 1n, scope: { sensors: 'all', networks: 'all' } }),
  );
  now_ms = 0;
  audit = new DownloadAudit({ db, audit: bookOf(100, (count) => randomBytes(count)), monotonic });
  return () => db.close();
});

const rows = async (): Promise<readonly string[]> =>
  (await listAudit(db, account_id, 100))
    .toReversed()
    .map(
      ({ principal_id, action, subject, detail, times }) => `${principal_id} ${action} ${subject} ${detail} ${times}`,
    );

test('those of one file by one principal within a minute are one row, with their number', async () => {
  await Promise.all([1, 2, 3].map(async () => await audit.note(one, 'c1', 'f1')));
  expect(await rows()).toEqual(['one capture.download c1 f1 1']);
  await audit.flush();
  expect(await rows()).toEqual(['one capture.download c1 f1 3']);
  now_ms = 59_999;
  await audit.note(one, 'c1', 'f1');
  await audit.note(other, 'c1', 'f1');
  await audit.note(one, 'c2', 'f2');
  now_ms = 60_000;
  await audit.note(one, 'c1', 'f1');
  await audit.flush();
  expect(await rows()).toEqual([
    'one capture.download c1 f1 4',
    'other capture.download c1 f1 1',
    'one capture.download c2 f2 1',
    'one capture.download c1 f1 1',
  ]);
});

test('those of many files beyond the rows of a day are counted in one row', async () => {
  const bounded = new DownloadAudit({ db, audit: bookOf(2, (count) => randomBytes(count)), monotonic });
  for (const name of ['1', '2', '3', '4', '3']) await bounded.note(one, `c${name}`, `f${name}`);
  await bounded.flush();
  await bounded.flush();
  expect((await rows()).map((row) => row.replace(/more than .* hour/, 'more'))).toEqual([
    'one capture.download c1 f1 1',
    'one capture.download c2 f2 1',
    'one capture.download any more 3',
  ]);
});

test('what could not be written is no download, and the next one writes it', async () => {
  const broken = new DownloadAudit({
    db,
    audit: bookOf(100, () => {
      throw new Error('no chance');
    }),
    monotonic,
  });
  const both = await Promise.allSettled([broken.note(one, 'c1', 'f1'), broken.note(one, 'c1', 'f1')]);
  expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  await broken.flush();
  await expect(broken.note(one, 'c1', 'f1')).rejects.toThrow('no chance');
  expect(await rows()).toEqual([]);
});
