import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { Kysely, sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { countByStatus } from './captures.ts';
import { migrate, migrations } from './migrate.ts';
import { openDatabase } from './open_database.ts';
import { readSetting, writeSetting } from './settings.ts';
import { sqliteDialect } from './sqlite_dialect.ts';
import type { Tables } from './tables.ts';

let directory = '';
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'edgetap-db-'));
});
afterAll(async () => {
  await rm(directory, { recursive: true, force: true });
});

/** Opens the database in a process of its own, counts a setting up in `turns` transactions and prints each that committed. */
function startCounting(url: string, turns: number): ChildProcess {
  const script = `
    const { openDatabase } = await import(${JSON.stringify(new URL('open_database.ts', import.meta.url).href)});
    const { readSetting, writeSetting } = await import(${JSON.stringify(new URL('settings.ts', import.meta.url).href)});
    const db = await openDatabase({ url: ${JSON.stringify(url)} });
    for (let turn = 0; turn < ${turns}; turn += 1) {
      const count = await db.transaction(async (tx) => {
        const next = Number((await readSetting(tx, 'count')) ?? '0') + 1;
        await writeSetting(tx, 'count', String(next));
        return next;
      });
      process.stdout.write(count + '\\n');
    }
    await db.close();
  `;
  return spawn(process.execPath, ['--input-type=module', '--eval', script], { stdio: ['ignore', 'pipe', 'inherit'] });
}

async function exitCode(child: ChildProcess): Promise<number | null> {
  const [code] = (await once(child, 'exit')) as [number | null];
  return code;
}

describe('openDatabase', () => {
  test('runs SQLite so that what was committed stays', async () => {
    const path = join(directory, 'settings.db');
    const db = await openDatabase({ url: `sqlite:${path}` });
    const pragma = async (name: string): Promise<unknown> =>
      Object.values((await sql.raw<Record<string, unknown>>(`pragma ${name}`).execute(db.query)).rows[0] ?? {})[0];
    expect(await pragma('journal_mode')).toBe('wal');
    expect(await pragma('synchronous')).toBe(2n);
    expect(await pragma('foreign_keys')).toBe(1n);
    expect(await pragma('busy_timeout')).toBe(5000n);
    await db.transaction((tx) => writeSetting(tx, 'k', 'v'));
    for (const name of await readdir(directory)) {
      if (name.startsWith('settings.db')) expect((await stat(join(directory, name))).mode & 0o777).toBe(0o600);
    }
    await db.close();
    const again = await openDatabase({ url: `sqlite://${path}` });
    expect(await readSetting(again, 'k')).toBe('v');
    await again.close();
  });

  test('the clock is the one that it was given', async () => {
    const db = await openDatabase({ url: ':memory:', clock: () => 42n });
    expect(await db.now()).toBe(42n);
    expect(await db.transaction((tx) => tx.now())).toBe(42n);
    await db.close();
  });

  test('a closed database says so', async () => {
    const db = await openDatabase({ url: ':memory:' });
    const running = db.transaction((tx) => writeSetting(tx, 'k', 'v'));
    await db.close();
    await running;
    await expect(readSetting(db, 'k')).rejects.toThrow('The database failed: it is closed');
  });

  test('a URL of another kind is refused without its password', async () => {
    const opening = openDatabase({ url: 'postgres://edgetap:hunter2@db/edgetap' });
    await expect(opening).rejects.toThrow('EDGETAP_DATABASE_URL is "postgres": it must be sqlite:PATH.');
    await expect(openDatabase({ url: 'sqlite:' })).rejects.toMatchObject({ faults: [{ name: 'setting_invalid' }] });
  });

  test('a place that cannot be written is named', async () => {
    const path = join(directory, 'none', 'x.db');
    await expect(openDatabase({ url: `sqlite:${path}` })).rejects.toThrow(`The database failed: ${path}: ENOENT`);
  });

  test('one that is missing or empty is not begun anew where files of an earlier one are left', async () => {
    const path = join(directory, 'gone.db');
    const leftBehind = (): string => '/data/results';
    const open = async (): Promise<void> => await (await openDatabase({ url: `sqlite:${path}`, leftBehind })).close();
    await expect(open()).rejects.toMatchObject({ faults: [{ name: 'database_gone' }] });
    await expect(open()).rejects.toThrow(`The database ${path} is missing or empty, and /data/results has files`);
    await (await openDatabase({ url: `sqlite:${path}`, leftBehind: () => undefined })).close();
    await open();
  });

  test.each([
    ['header', (bytes: Buffer) => bytes.fill(0, 0, 100)],
    ['first tables', (bytes: Buffer) => bytes.fill(0x5a, 4096 * 3, 4096 * 6)],
    ['last page', (bytes: Buffer) => bytes.fill(0, bytes.length - 4096)],
    ['second half', (bytes: Buffer) => bytes.subarray(0, 4096 * Math.floor(bytes.length / 8192))],
    ['text', () => Buffer.from('hello world '.repeat(1000))],
  ])('one that is damaged is refused with its path and left as it is: %s', async (name, damage) => {
    const path = join(directory, `damaged-${name}.db`);
    const db = await openDatabase({ url: `sqlite:${path}` });
    await db.transaction(async (tx) => {
      for (let count = 0; count < 50; count += 1) await writeSetting(tx, `key ${count}`, 'x'.repeat(2000));
    });
    await db.close();
    const bytes = damage(readFileSync(path));
    writeFileSync(path, bytes);
    const opening = openDatabase({ url: `sqlite:${path}` });
    await expect(opening).rejects.toMatchObject({ faults: [{ name: 'database_damaged' }] });
    await expect(opening).rejects.toThrow(`The database is damaged (${path}: `);
    expect(readFileSync(path)).toEqual(bytes);
  });

  /** The columns of all tables, by `table.column`. */
  const columnsOf = async (url: string): Promise<readonly string[]> => {
    const db = await openDatabase({ url });
    const tables = await db.query.introspection.getTables();
    await db.close();
    return tables.flatMap(({ name, columns }) => columns.map((column) => `${name}.${column.name}`)).toSorted();
  };

  test('one of every older schema gets all that a new one has', async () => {
    const names = Object.keys(migrations).toSorted();
    const fresh = await columnsOf(`sqlite:${join(directory, 'fresh.db')}`);
    expect(fresh).toContain('parts.covered');
    for (const [count, name] of names.entries()) {
      const path = join(directory, `older-${name}.db`);
      const dialect = sqliteDialect(() => new DatabaseSync(path, { readBigInts: true }));
      const known = Object.fromEntries(Object.entries(migrations).filter(([one]) => names.indexOf(one) <= count));
      await migrate(new Kysely<Tables>({ dialect }), known);
      await dialect.close();
      expect(await columnsOf(`sqlite:${path}`)).toEqual(fresh);
    }
  });

  test('the captures of an older schema are counted', async () => {
    const path = join(directory, 'uncounted.db');
    const file = new DatabaseSync(path, { readBigInts: true });
    const dialect = sqliteDialect(() => file);
    const older = Object.fromEntries(Object.entries(migrations).filter(([name]) => name < '0010_capture_counts'));
    await migrate(new Kysely<Tables>({ dialect }), older);
    file.exec(`insert into accounts values ('a', 'team', 0, '[]', '[]');
      insert into captures (id, account_id, principal_id, type, spec, scope, status, submitted, delivery, piece_bytes, version)
      values ('1', 'a', 'p', 'simple', '{}', '{}', 'failed', 0, 'x', 0, 0), ('2', 'a', 'p', 'simple', '{}', '{}', 'failed', 0, 'x', 0, 0)`);
    await dialect.close();
    const db = await openDatabase({ url: `sqlite:${path}` });
    expect(await countByStatus(db)).toEqual([{ type: 'simple', status: 'failed', count: 2 }]);
    await db.close();
  });

  test('the database of a newer edgetap is left alone', async () => {
    const url = `sqlite:${join(directory, 'newer.db')}`;
    const db = await openDatabase({ url });
    await sql`insert into kysely_migration values ('0999_from_the_future', '2099-01-01T00:00:00.000Z')`.execute(
      db.query,
    );
    await db.close();
    const told = `The database has schema 0999_from_the_future, newer than this edgetap knows (${Object.keys(migrations).toSorted().at(-1)})`;
    await expect(openDatabase({ url })).rejects.toMatchObject({
      faults: [{ name: 'database_newer', message: expect.stringContaining(told) as string }],
    });
  });

  test('a schema that cannot be made is told, and nothing of it stays', async () => {
    const url = `sqlite:${join(directory, 'foreign.db')}`;
    const db = await openDatabase({ url });
    await sql`drop table kysely_migration`.execute(db.query);
    await db.close();
    await expect(openDatabase({ url })).rejects.toThrow('its schema could not be made: The database failed: table');
  });
});

test('a full disk ends the transaction with its own reason, and the next one works', async () => {
  const db = await openDatabase({ url: `sqlite:${join(directory, 'full.db')}` });
  const { rows } = await sql<{ page_count: bigint }>`pragma page_count`.execute(db.query);
  await sql.raw(`pragma max_page_count = ${(rows[0]?.page_count ?? 0n) + 10n}`).execute(db.query);
  const filling = db.transaction(async (tx) => {
    for (let count = 0; count < 100; count += 1) await writeSetting(tx, `key ${count}`, 'x'.repeat(4000));
  });
  await expect(filling).rejects.toThrow('The database cannot be written, its disk is full');
  expect(await readSetting(db, 'key 0')).toBeUndefined();
  await db.transaction((tx) => writeSetting(tx, 'small', 'fits'));
  expect(await readSetting(db, 'small')).toBe('fits');
  await db.close();
});

describe('two processes on one file', () => {
  test('both may find it new, and neither loses an update of the other', async () => {
    const url = `sqlite:${join(directory, 'shared.db')}`;
    const children = [startCounting(url, 60), startCounting(url, 60)];
    expect(await Promise.all(children.map(exitCode))).toEqual([0, 0]);
    const db = await openDatabase({ url });
    expect(await readSetting(db, 'count')).toBe('120');
    await db.close();
  });

  test('kill -9 loses nothing that was committed', async () => {
    const url = `sqlite:${join(directory, 'killed.db')}`;
    let last = 0;
    for (let round = 1; round <= 3; round += 1) {
      const child = startCounting(url, 1_000_000);
      const gone = exitCode(child);
      if (child.stdout === null) throw new Error('the child has no output');
      for await (const line of createInterface(child.stdout)) {
        expect(Number(line)).toBe(last + 1);
        last = Number(line);
        if (last % 25 === 0) child.kill('SIGKILL');
      }
      expect(await gone).toBeNull();
      const db = await openDatabase({ url });
      const stored = Number(await readSetting(db, 'count'));
      // One more may have been committed than the child could still tell.
      expect(stored - last === 0 || stored - last === 1).toBe(true);
      last = stored;
      await db.close();
    }
  });
});
