import type { DatabaseSync, StatementSync } from 'node:sqlite';
import {
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type Kysely,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely';
import { type Fault, FaultError, raise } from '../model/errors/fault.ts';
import { bindable } from './bindable.ts';
import { Mutex } from './mutex.ts';
import { sqliteFault } from './sqlite_fault.ts';
import { refuseInsideTransaction } from './transaction_scope.ts';
import { WriteHealth } from './write_health.ts';

/** Statements kept prepared; edgetap has about a hundred different ones. */
const preparedMax = 256;

interface Prepared {
  readonly statement: StatementSync;
  /** The names of the columns that it gives; none where it only writes. */
  readonly columns: readonly string[];
}

/** The one connection: statements run at once and block until they are done, as SQLite does. */
class SqliteConnection implements DatabaseConnection {
  readonly #database: DatabaseSync;
  readonly #health: WriteHealth;
  readonly #prepared = new Map<string, Prepared>();

  constructor(database: DatabaseSync, health: WriteHealth) {
    this.#database = database;
    this.#health = health;
  }

  async executeQuery<Row>(query: CompiledQuery): Promise<QueryResult<Row>> {
    return this.run(query);
  }

  /** The same at once: SQLite waits for nobody but other processes that write. */
  run<Row>(query: CompiledQuery): QueryResult<Row> {
    const values = query.parameters.map(bindable);
    try {
      const { statement, columns } = this.#prepare(query.sql);
      if (columns.length > 0) {
        const rows: unknown[] = statement.all(...values);
        // Every statement that gives rows was set to give arrays.
        // The rows' shape is what Kysely derived from the query; the driver cannot know it.
        return { rows: rows.map((row) => namedRow(columns, row as readonly unknown[]) as Row) };
      }
      const { changes } = statement.run(...values);
      this.#health.succeeded(query.sql, sqlChanges(query.sql, changes), this.#database.isTransaction);
      return { rows: [], numAffectedRows: BigInt(changes) };
    } catch (error) {
      const fault = sqliteFault(error);
      this.#health.failed(fault);
      throw new FaultError([fault], { cause: error });
    }
  }

  // oxlint-disable-next-line require-yield -- Kysely's interface; nothing here streams, and a stream would hold the mutex
  async *streamQuery<Row>(): AsyncIterableIterator<QueryResult<Row>> {
    throw new TypeError('streaming of query results is not supported: read pages');
  }

  /** A failed statement may have ended the transaction by itself (disk full, I/O error). */
  get inTransaction(): boolean {
    return this.#database.isTransaction;
  }

  #prepare(sql: string): Prepared {
    const known = this.#prepared.get(sql);
    if (known !== undefined) return known;
    const statement = this.#database.prepare(sql);
    const columns = statement.columns().map((column) => column.name);
    if (columns.length > 0) statement.setReturnArrays(true);
    const prepared = { statement, columns };
    if (this.#prepared.size >= preparedMax) {
      const [oldest] = this.#prepared.keys();
      if (oldest !== undefined) this.#prepared.delete(oldest);
    }
    this.#prepared.set(sql, prepared);
    return prepared;
  }
}

/**
 * A row by the names of its columns. What node:sqlite makes of one is a dictionary to V8, from which every later read and copy is
 * slow; rows that are made here, column by column, share one shape.
 */
function namedRow(columns: readonly string[], values: readonly unknown[]): Record<string, unknown> {
  const row: Record<string, unknown> = {};
  let index = 0;
  for (const name of columns) {
    row[name] = values[index];
    index += 1;
  }
  return row;
}

/** `changes` is that of the last statement that changed something: of one that cannot, it says nothing. */
function sqlChanges(sql: string, changes: number | bigint): number {
  return /^(?:insert|update|delete|replace)\b/i.test(sql) ? Number(changes) : 0;
}

/** One connection, one user at a time: a transaction keeps it until it ends, all others wait. */
class SqliteDriver implements Driver {
  readonly health = new WriteHealth();
  readonly #open: () => DatabaseSync;
  readonly #mutex = new Mutex();
  #database: DatabaseSync | undefined;
  #connection: SqliteConnection | undefined;
  #release: (() => void) | undefined;

  constructor(open: () => DatabaseSync) {
    this.#open = open;
  }

  async init(): Promise<void> {
    this.#database = this.#open();
    this.#connection = new SqliteConnection(this.#database, this.health);
  }

  async acquireConnection(): Promise<DatabaseConnection> {
    refuseInsideTransaction();
    const release = await this.#mutex.acquire();
    if (this.#connection === undefined) {
      release();
      return raise('database_failed', { reason: 'it is closed' });
    }
    this.#release = release;
    return this.#connection;
  }

  /** Runs a statement at once; undefined where somebody has the connection, or there is none. */
  runNow<Row>(query: CompiledQuery): QueryResult<Row> | undefined {
    refuseInsideTransaction();
    return this.#mutex.free ? this.#connection?.run<Row>(query) : undefined;
  }

  async releaseConnection(): Promise<void> {
    const release = this.#release;
    this.#release = undefined;
    release?.();
  }

  /** `immediate`: the write lock is taken at the start, so no transaction fails half-way because another process wrote. */
  async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('begin immediate'));
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('commit'));
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    if (connection instanceof SqliteConnection && !connection.inTransaction) return;
    await connection.executeQuery(CompiledQuery.raw('rollback'));
  }

  async destroy(): Promise<void> {
    const release = await this.#mutex.acquire();
    this.#database?.close();
    this.#database = undefined;
    this.#connection = undefined;
    release();
  }
}

/** DDL is transactional in SQLite, so a migration commits whole or not at all, and two processes do not both run it. */
class TransactionalSqliteAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

/** Kysely over node:sqlite, and its end. */
export interface SqliteDialect extends Dialect {
  /**
   * Runs a statement in this very moment, if nobody has the connection. Undefined where somebody has (it may be in a transaction,
   * whose changes are nobody else's business yet): the statement has to wait for its turn then, through Kysely.
   */
  runNow<Row>(query: CompiledQuery): QueryResult<Row> | undefined;
  /** What keeps the database from being written at the moment, as far as its statements have shown. */
  trouble(): Fault | undefined;
  /** Waits for what is under way and closes; later statements are refused with `database_failed`. */
  close(): Promise<void>;
}

/**
 * Kysely over node:sqlite. `open` is called once, at the first statement, and must give a connection that reads integers
 * as bigints. Parameters are checked by `bindable`; whatever SQLite refuses is thrown as `database_failed`,
 * or as what is wrong outside: `database_locked`, `database_full`, `database_unwritable`.
 */
export function sqliteDialect(open: () => DatabaseSync): SqliteDialect {
  const driver = new SqliteDriver(open);
  return {
    createDriver: () => driver,
    createAdapter: () => new TransactionalSqliteAdapter(),
    createQueryCompiler: () => new SqliteQueryCompiler(),
    createIntrospector: (db: Kysely<unknown>) => new SqliteIntrospector(db),
    runNow: (query) => driver.runNow(query),
    trouble: () => driver.health.trouble,
    close: () => driver.destroy(),
  };
}
