import { closeSync, openSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { type CompiledQuery, Kysely } from 'kysely';
import { type Fault, FaultError, raise } from '../model/errors/fault.ts';
import type { TimeNs } from '../model/time.ts';
import type { Database, DatabaseClock } from './database.ts';
import { keptClock } from './kept_clock.ts';
import { isEmpty, migrate, migrations } from './migrate.ts';
import type { HostClocks } from './reference_clock.ts';
import { sqliteFault } from './sqlite_fault.ts';
import { sqliteDialect } from './sqlite_dialect.ts';
import type { Tables } from './tables.ts';
import { insideTransaction } from './transaction_scope.ts';

/** How long a statement waits for another process that writes. */
const busy_timeout_ms = 5000;

/** What to open. */
export interface DatabaseOptions {
  /** `sqlite:PATH`, or `:memory:` for one that is gone when it is closed. */
  readonly url: string;
  /** The host's clocks, from which the database's own is made. */
  readonly host?: HostClocks;
  /** In their place, where nothing outlives the process: both clocks in one. The system's by default. */
  readonly clock?: () => TimeNs;
  /** A directory with files that only an earlier database knows, if there is one: then it is not begun anew. */
  readonly leftBehind?: () => string | undefined;
  /** Hears of rows that cannot be read and are left out, each time. */
  readonly damaged?: (fault: Fault) => void;
}

/**
 * Opens a database and brings its schema up to date. A SQLite file is made with mode 0600; it runs in WAL mode with
 * synchronous=FULL: a committed transaction survives the loss of power.
 *
 * @throws FaultError `setting_invalid` for a URL of another kind, `database_newer`, `database_damaged`, `database_gone`, `database_failed`
 */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const path = sqlitePath(options.url);
  const dialect = sqliteDialect(() => openSqlite(path));
  const query = new Kysely<Tables>({ dialect });
  try {
    const left = options.leftBehind?.();
    if (left !== undefined && (await isEmpty(query))) raise('database_gone', { path, left });
    await migrate(query, migrations);
  } catch (error) {
    await dialect.close();
    throw error;
  }
  const now = async (): Promise<TimeNs> => clock.now();
  const wall = (): TimeNs => clock.wall();
  const damaged = options.damaged ?? ((): void => undefined);
  const database: Omit<Database, 'clock'> = {
    kind: 'database',
    query,
    rows: async <Row>(built: CompiledQuery<Row>) =>
      (dialect.runNow<Row>(built) ?? (await query.executeQuery(built))).rows,
    now,
    wall,
    damaged,
    transaction: (body) =>
      query.transaction().execute((tx) => {
        const rows = async <Row>(built: CompiledQuery<Row>): Promise<readonly Row[]> =>
          (await tx.executeQuery(built)).rows;
        return insideTransaction(() => body({ kind: 'transaction', query: tx, rows, now, wall, damaged }));
      }),
    trouble: () => dialect.trouble(),
    close: () => dialect.close(),
  };
  const clock = options.host === undefined ? oneClock(options.clock) : await keptClock(database, options.host);
  return { ...database, clock };
}

/** One clock for both, which nobody sets. */
function oneClock(read = (): TimeNs => BigInt(Date.now()) * 1_000_000n): DatabaseClock {
  return { now: read, wall: read, toWall: (at) => at, fromWall: (at) => at, keep: async () => [] };
}

function sqlitePath(url: string): string {
  if (url === ':memory:') return url;
  const path = /^sqlite:(?:\/\/(?=\/))?(.+)$/.exec(url)?.[1];
  // Only the scheme is repeated: the URL of another kind of database may hold a password.
  return (
    path ??
    raise('setting_invalid', {
      setting: 'EDGETAP_DATABASE_URL',
      value: url.split(':')[0] ?? '',
      expected: 'sqlite:PATH',
    })
  );
}

function openSqlite(path: string): DatabaseSync {
  try {
    if (path !== ':memory:') closeSync(openSync(path, 'a', 0o600));
    const database = new DatabaseSync(path, {
      readBigInts: true,
      timeout: busy_timeout_ms,
      enableForeignKeyConstraints: true,
    });
    database.exec('pragma journal_mode = wal; pragma synchronous = full; pragma trusted_schema = off');
    // What is damaged is found now, and not once something has been built on it.
    const [found] = Object.values(database.prepare('pragma quick_check(1)').get() ?? {});
    if (found !== 'ok') raise('database_damaged', { reason: `${path}: ${String(found).replaceAll('\n', ' ')}` });
    return database;
  } catch (error) {
    const { name, message } = sqliteFault(error);
    if (name === 'database_damaged' && !message.includes(path) && error instanceof Error)
      raise('database_damaged', { reason: `${path}: ${error.message}` }, { cause: error });
    if (name !== 'database_failed') throw new FaultError([sqliteFault(error)], { cause: error });
    const reason = error instanceof Error ? error.message : message;
    return raise('database_failed', { reason: `${path}: ${reason}` }, { cause: error });
  }
}
