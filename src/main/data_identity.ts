import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Database } from '../db/database.ts';
import { readSetting, writeSetting } from '../db/settings.ts';
import { raise } from '../model/errors/fault.ts';
import { idFrom, isId } from '../model/id.ts';

const setting = 'data_id';

/** Where a data directory says which one it is. */
export function identityPath(data_dir: string): string {
  return join(data_dir, 'data.id');
}

/**
 * A data directory and its database know each other by an id in both: what has none yet is given the other's. A file that is no id, as a
 * crash or a disk leaves one, says nothing. Throws `database_foreign` where the ids differ, and as the system does where the directory cannot be
 * written.
 */
export async function matchIdentity(
  db: Database,
  { data_dir, database }: { readonly data_dir: string; readonly database: string },
  random: (count: number) => Uint8Array,
): Promise<void> {
  const path = identityPath(data_dir);
  const [here, there] = [readIdentity(path), await readSetting(db, setting)];
  if (here !== undefined && there !== undefined && here !== there) {
    raise('database_foreign', { database, data_dir, path });
  }
  const id = there ?? here ?? idFrom(random(16));
  // The file first: a database that has no id yet takes any.
  if (here === undefined) writeIdentity(path, id);
  if (there === undefined) await db.transaction(async (tx) => await writeSetting(tx, setting, id));
}

function readIdentity(path: string): string | undefined {
  try {
    const text = readFileSync(path, 'utf8').trim();
    return isId(text) ? text : undefined;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function writeIdentity(path: string, id: string): void {
  const fresh = `${path}.new`;
  rmSync(fresh, { force: true });
  writeFileSync(fresh, `${id}\n`, { mode: 0o600, flush: true });
  renameSync(fresh, path);
  const directory = openSync(dirname(path), 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}
