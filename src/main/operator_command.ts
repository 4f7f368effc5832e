import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { accountById, listAccounts } from '../db/accounts.ts';
import type { Database } from '../db/database.ts';
import { openDatabase } from '../db/open_database.ts';
import type { HostClocks } from '../db/reference_clock.ts';
import type { RandomBytes } from '../control/audit.ts';
import { raise } from '../model/errors/fault.ts';
import type { Permission } from '../model/principal.ts';
import { formatTime, type TimeNs } from '../model/time.ts';

/** What the operator's commands need of the world. */
export interface OperatorDeps {
  readonly random: RandomBytes;
  readonly host: HostClocks;
  /** Writes to standard output: what a script takes. */
  readonly print: (text: string) => void;
  /** Writes to standard error: what a person reads beside it. */
  readonly note: (text: string) => void;
}

/** The options that every operator's command has. */
export interface OperatorOptions {
  readonly dataDir: string;
  readonly json: boolean;
}

/** Gives a command the options that all of them have: where the data is, and whether a script reads the answer. */
export function withOperatorOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--data-dir <directory>', 'where edgetap keeps its data').env('EDGETAP_DATA_DIR').default('./data'),
    )
    .addOption(new Option('--json', 'print JSON').default(false));
}

/** Where the database of a data directory is. */
export function databasePath(data_dir: string): string {
  return join(data_dir, 'edgetap.sqlite');
}

/**
 * Runs one command on the database of a data directory, also while edgetap runs there: SQLite lets both in.
 *
 * @throws FaultError `database_missing` where nothing was ever started
 */
export async function onDatabase<T>(
  { dataDir }: OperatorOptions,
  deps: OperatorDeps,
  run: (db: Database) => Promise<T>,
): Promise<T> {
  const path = databasePath(dataDir);
  if (!existsSync(path)) raise('database_missing', { path });
  const db = await openDatabase({
    url: `sqlite:${path}`,
    host: deps.host,
    damaged: ({ message }) => deps.note(`${message}\n`),
  });
  try {
    return await run(db);
  } finally {
    await db.close();
  }
}

/**
 * The account that a command is for: the one that was named, or the only one that there is.
 *
 * @throws FaultError `account_unknown`, `setting_invalid` where it must be named
 */
export async function accountFor(db: Database, named: string | undefined): Promise<string> {
  if (named !== undefined) {
    return (await accountById(db, named)) === undefined ? raise('account_unknown', { account: named }) : named;
  }
  const accounts = await listAccounts(db);
  const [only] = accounts;
  if (only !== undefined && accounts.length === 1) return only.id;
  const expected = 'the id of an account, as "edgetap account list" has it, because there is more than one';
  return raise('setting_invalid', { setting: '--account', value: '', expected });
}

/** Gives a command the option --account, which may be left out while there is one account. */
export function accountOption(): Option {
  return new Option('--account <id>', 'the account; may be left out while there is only one');
}

/** The option --permission. */
export function permissionOption(fallback: Permission): Option {
  return new Option('--permission <permission>', 'read allows every GET, write allows everything')
    .choices(['read', 'write'])
    .default(fallback);
}

/** JSON for scripts: two spaces, moments in RFC 3339. */
export function jsonText(value: unknown): string {
  const written = (_: string, field: unknown): unknown => (typeof field === 'bigint' ? formatTime(field) : field);
  return `${JSON.stringify(value, written, 2)}\n`;
}

/** A moment for people, to the second; a dash where there is none. */
export function timeText(time: TimeNs | undefined): string {
  return time === undefined ? '-' : formatTime(time).replace(/\.\d+Z$/, 'Z');
}
