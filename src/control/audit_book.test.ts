import { randomBytes } from 'node:crypto';
import { assert, asyncProperty, array, constantFrom, nat, record } from 'fast-check';
import { beforeEach, expect, test } from 'vitest';
import { insertAccount } from '../db/accounts.ts';
import { type AuditRecord, listAudit } from '../db/audit.ts';
import type { Database } from '../db/database.ts';
import { openDatabase } from '../db/open_database.ts';
import { LimitCounts } from '../model/limit_counts.ts';
import { limitFallbacks } from '../model/shared_limits.ts';
import type { Actor } from './audit.ts';
import { AuditBook } from './audit_book.ts';

const accounts = ['a'.repeat(32), 'b'.repeat(32)] as const;
const actorOf = (account_id: string, principal_id = 'one'): Actor => ({
  account_id,
  principal_id,
  address: '192.0.2.1',
});
const hour_ms = 3_600_000;
let db: Database;
let now_ms: number;
let limits: LimitCounts;
let book: AuditBook;

async function open(): Promise<void> {
  let at = 0n;
  db = await openDatabase({ url: ':memory:', clock: () => (at += 1n) });
  for (const id of accounts) {
    await db.transaction((tx) =>
      insertAccount(tx, { id, name: id, created: 1n, scope: { sensors: 'all', networks: 'all' } }),
    );
  }
  now_ms = 0;
  limits = new LimitCounts({ ...limitFallbacks, audit_rows: 24 });
  book = new AuditBook({ limits, random: (count) => randomBytes(count), monotonic: () => now_ms });
}

beforeEach(async () => {
  await open();
  return () => db.close();
});

const write = async (actor: Actor, action: 'capture.stop' | 'bucket.add', subject: string): Promise<string> =>
  await db.transaction(async (tx) => await book.write(tx, actor, { action, subject, detail: 'd' }));
const rowsOf = async (account_id: string): Promise<readonly AuditRecord[]> =>
  (await listAudit(db, account_id, 1000)).toReversed();

test('beyond the rows of a day, what is done is counted by action and token, and another account has its own', async () => {
  for (let count = 0; count < 40; count += 1) await write(actorOf(accounts[0]), 'capture.stop', `${count}`);
  for (const [principal, action] of [
    ['two', 'capture.stop'],
    ['one', 'bucket.add'],
    ['one', 'capture.stop'],
  ] as const)
    await write(actorOf(accounts[0], principal), action, 'x');
  await write(actorOf(accounts[1]), 'bucket.add', 'theirs');
  const rows = await rowsOf(accounts[0]);
  expect(rows.slice(0, 24).map(({ subject, times }) => `${subject} ${times}`)).toEqual(
    Array.from({ length: 24 }, (_, at) => `${at} 1`),
  );
  expect(rows.slice(24).map((row) => [row.principal_id, row.action, row.subject, row.address, row.times])).toEqual([
    ['one', 'capture.stop', 'any', 'any', 17n],
    ['two', 'capture.stop', 'any', 'any', 1n],
    ['one', 'bucket.add', 'any', 'any', 1n],
  ]);
  expect(rows[24]?.detail).toContain('EDGETAP_AUDIT_ROWS');
  expect((await rowsOf(accounts[1])).map(({ subject }) => subject)).toEqual(['theirs']);
  const told = limits.read().find(({ name }) => name === 'audit_rows');
  expect(told).toMatchObject({ limit: 24, used: 24, refused: 19 });
});

test('rows come again through the day, and a row of counts is an hour’s', async () => {
  for (let count = 0; count < 26; count += 1) await write(actorOf(accounts[0]), 'capture.stop', 'x');
  now_ms = hour_ms;
  // One has come again; then there is another row of counts.
  for (let count = 0; count < 3; count += 1) await write(actorOf(accounts[0]), 'capture.stop', 'y');
  expect((await rowsOf(accounts[0])).slice(24).map(({ subject, times }) => `${subject} ${times}`)).toEqual([
    'any 2',
    'y 1',
    'any 2',
  ]);
});

test('a row of counts that was not committed is written again', async () => {
  for (let count = 0; count < 24; count += 1) await write(actorOf(accounts[0]), 'capture.stop', 'x');
  const broken = db.transaction(async (tx) => {
    await book.write(tx, actorOf(accounts[0]), { action: 'capture.stop', subject: 'x', detail: 'd' });
    throw new Error('not to be');
  });
  await expect(broken).rejects.toThrow();
  await write(actorOf(accounts[0]), 'capture.stop', 'x');
  await write(actorOf(accounts[0]), 'capture.stop', 'x');
  expect((await rowsOf(accounts[0])).slice(24).map(({ subject, times }) => `${subject} ${times}`)).toEqual(['any 2']);
});

test('nothing is left out, whatever is done, and rows stay bounded', async () => {
  const step = record({
    pass_ms: nat(2 * hour_ms),
    account: constantFrom(...accounts),
    action: constantFrom('capture.stop', 'bucket.add'),
    times: nat(60),
  });
  await assert(
    asyncProperty(array(step, { maxLength: 8 }), async (steps) => {
      await db.close();
      await open();
      const done = new Map<string, number>();
      for (const { pass_ms, account, action, times } of steps) {
        now_ms += pass_ms;
        for (let count = 0; count < times; count += 1) await write(actorOf(account), action, 'x');
        done.set(`${account} ${action}`, (done.get(`${account} ${action}`) ?? 0) + times);
      }
      for (const account of accounts) {
        const rows = await rowsOf(account);
        for (const action of ['capture.stop', 'bucket.add']) {
          const told = rows.filter((row) => row.action === action).reduce((sum, row) => sum + Number(row.times), 0);
          expect(told).toBe(done.get(`${account} ${action}`) ?? 0);
        }
        const hours = Math.floor(now_ms / hour_ms) + 1;
        expect(rows.length).toBeLessThanOrEqual(24 + hours + 2 * hours);
      }
    }),
    { numRuns: 20 },
  );
});
