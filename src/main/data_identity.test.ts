import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Database } from '../db/database.ts';
import { openDatabase } from '../db/open_database.ts';
import { readSetting, writeSetting } from '../db/settings.ts';
import { identityPath, matchIdentity } from './data_identity.ts';

let data_dir = '';
let db: Database;
beforeEach(async () => {
  data_dir = mkdtempSync(join(tmpdir(), 'edgetap-identity-'));
  db = await openDatabase({ url: ':memory:' });
});
afterEach(async () => {
  await db.close();
  rmSync(data_dir, { recursive: true });
});

const match = async (): Promise<void> =>
  await matchIdentity(db, { data_dir, database: 'edgetap.sqlite' }, (count) => randomBytes(count));
const here = (): string => readFileSync(identityPath(data_dir), 'utf8').trim();

test('both get one at the first start, and keep it', async () => {
  await match();
  const id = here();
  expect(id).toMatch(/^[0-9a-f]{32}$/);
  expect(await readSetting(db, 'data_id')).toBe(id);
  await match();
  expect(here()).toBe(id);
});

test.each(['', 'x', '0'.repeat(31)])(
  'a file that says "%s" says nothing: the id of the database counts',
  async (text) => {
    await match();
    const id = here();
    writeFileSync(identityPath(data_dir), text);
    await match();
    expect(here()).toBe(id);
    rmSync(identityPath(data_dir));
    await match();
    expect(here()).toBe(id);
  },
);

test('a database of before there were ids is taken', async () => {
  writeFileSync(identityPath(data_dir), `${'a'.repeat(32)}\n`);
  await match();
  expect(await readSetting(db, 'data_id')).toBe('a'.repeat(32));
});

test('that of another directory is refused, and nothing is changed', async () => {
  await match();
  const id = here();
  await db.transaction(async (tx) => await writeSetting(tx, 'data_id', 'b'.repeat(32)));
  await expect(match()).rejects.toMatchObject({ faults: [{ name: 'database_foreign' }] });
  expect([here(), await readSetting(db, 'data_id')]).toEqual([id, 'b'.repeat(32)]);
});
