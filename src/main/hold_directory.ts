import { chmodSync, closeSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { raise } from '../model/errors/fault.ts';
import { makeDirectory } from './make_directory.ts';

// sqlite3.h
const sqlite_busy = 5;
/** `SQLITE_CORRUPT` and `SQLITE_NOTADB`. */
const no_database: readonly number[] = [11, 26];

/** What is held: a database that nobody knows any more would be collected, and its lock with it. */
const holding = new Set<DatabaseSync>();

/** A directory that this process alone works in, until it ends, however it ends. */
export interface HeldDirectory {
  release(): void;
}

/**
 * Holds a directory under a name. The lock is one of the operating system's (fcntl, taken through SQLite), so it goes with
 * the process, and no stale file can keep anybody out. Throws `data_dir_locked` with the holder's pid if it is held for
 * longer than `wait_ms`, and `setting_invalid` where the directory cannot be used.
 */
export function holdDirectory(directory: string, name: string, wait_ms: number): HeldDirectory {
  const [lock, pid] = [join(directory, `${name}.lock`), join(directory, `${name}.pid`)];
  let database: DatabaseSync | undefined;
  try {
    makeDirectory(resolve(directory));
    makeLock(lock);
    database = new DatabaseSync(lock);
    database.exec(`PRAGMA busy_timeout = ${wait_ms}; BEGIN EXCLUSIVE`);
    writeFileSync(pid, `${process.pid}\n`, { mode: 0o600 });
  } catch (cause) {
    database?.close();
    if (isBusy(cause)) raise('data_dir_locked', { directory, pid: holder(pid) }, { cause });
    if (isNoDatabase(cause)) raise('lock_file_damaged', { path: lock, reason: textOf(cause) }, { cause });
    const where = database === undefined ? `, ${lock}` : '';
    const expected = `a directory that can be written (${textOf(cause)}${where})`;
    raise('setting_invalid', { setting: 'EDGETAP_DATA_DIR', value: directory, expected }, { cause });
  }
  const held = database;
  holding.add(held);
  return {
    release: () => {
      holding.delete(held);
      held.close();
    },
  };
}

/** Nobody else may read it, and so hold it. It is never opened and closed here: that would let go of a lock that this process has on it. */
function makeLock(path: string): void {
  try {
    closeSync(openSync(path, 'ax', 0o600));
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    if ((statSync(path).mode & 0o077) !== 0) chmodSync(path, 0o600);
  }
}

function isNoDatabase(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && no_database.includes(Number(error.errcode) & 0xff);
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === sqlite_busy;
}

function holder(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return 'unknown';
  }
}
