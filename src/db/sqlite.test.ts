import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { databaseSuite } from './database_suite.ts';
import { openDatabase } from './open_database.ts';

let directory = '';
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'edgetap-db-'));
});
afterAll(async () => {
  await rm(directory, { recursive: true, force: true });
});

databaseSuite('SQLite in memory', () => openDatabase({ url: ':memory:' }));
databaseSuite('SQLite in a file', () => openDatabase({ url: `sqlite:${join(directory, 'edgetap.db')}` }));
