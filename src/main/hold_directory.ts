import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { raise } from '../model/errors/fault.ts';

/** A directory that this process alone works in, until it ends, however it ends. */
export interface HeldDirectory {
  release(): void;
}

/**
 * Holds a directory under a name. The lock is one of the operating system's (fcntl, taken through SQLite), so it goes with
 * the process, and no stale file can keep anybody out. Throws `data_dir_locked` with the holder's pid if it is held for
 * longer than `wait_ms`.
 */
export function holdDirectory(directory: string, name: string, wait_ms: number): HeldDirectory {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const [lock, pid] = [join(directory, `${name}.lock`), join(directory, `${name}.pid`)];
  const database = new DatabaseSync(lock);
  try {
    database.exec(`PRAGMA busy_timeout = ${wait_ms}; BEGIN EXCLUSIVE`);
  } catch (cause) {
    database.close();
    raise('data_dir_locked', { directory, pid: holder(pid) }, { cause });
  }
  writeFileSync(pid, `${process.pid}\n`, { mode: 0o600 });
  return { release: () => database.close() };
}

function holder(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return 'unknown';
  }
}
