import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Database } from './database.ts';
import { openDatabase } from './open_database.ts';
import { readSetting, writeSetting } from './settings.ts';
import { tryWriting } from './try_writing.ts';

let directory = '';
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'edgetap-health-'));
});
afterAll(async () => {
  await rm(directory, { recursive: true, force: true });
});

async function write(db: Database, value: string): Promise<void> {
  await db.transaction(async (tx) => await writeSetting(tx, 'written', value));
}

test('another program holds the lock: database_locked, told until it is over', async () => {
  const path = join(directory, 'locked.db');
  const db = await openDatabase({ url: `sqlite:${path}` });
  await write(db, 'before');
  expect(db.trouble()).toBeUndefined();
  const other = new DatabaseSync(path);
  other.exec('begin immediate');
  await expect(write(db, 'meanwhile')).rejects.toMatchObject({ faults: [{ name: 'database_locked', code: 1812 }] });
  expect(db.trouble()?.message).toContain('locked by another program (database is locked)');
  // Reading is possible all the while, and says nothing of writing.
  await db.query.selectFrom('settings').selectAll().execute();
  expect(db.trouble()?.name).toBe('database_locked');
  other.exec('rollback');
  other.close();
  await write(db, 'after');
  expect(db.trouble()).toBeUndefined();
  await db.close();
});

test('its disk is full: database_full, told until something was written', async () => {
  const db = await openDatabase({ url: `sqlite:${join(directory, 'full.db')}` });
  const { rows } = await sql<{ page_count: bigint }>`pragma page_count`.execute(db.query);
  await sql.raw(`pragma max_page_count = ${rows[0]?.page_count}`).execute(db.query);
  const long = 'x'.repeat(100_000);
  await expect(write(db, long)).rejects.toMatchObject({ faults: [{ name: 'database_full', code: 1809 }] });
  expect(db.trouble()?.message).toContain('its disk is full (database or disk is full): make room');
  // A transaction that writes nothing does not show that it could be.
  await db.transaction(async (tx) => await tx.query.selectFrom('settings').selectAll().execute());
  expect(db.trouble()?.name).toBe('database_full');
  await tryWriting(db);
  expect(db.trouble()?.name).toBe('database_full');
  await sql.raw('pragma max_page_count = 1000000').execute(db.query);
  // Nobody writes, and it is over all the same.
  await tryWriting(db);
  expect(db.trouble()).toBeUndefined();
  expect(await readSetting(db, 'room_tried')).toBeUndefined();
  await write(db, long);
  await db.close();
});

test('it cannot be written at all: database_unwritable', async () => {
  const db = await openDatabase({ url: `sqlite:${join(directory, 'read_only.db')}` });
  await sql.raw('pragma query_only = 1').execute(db.query);
  await expect(write(db, 'x')).rejects.toMatchObject({ faults: [{ name: 'database_unwritable', code: 1810 }] });
  await db.close();
});
