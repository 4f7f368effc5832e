import type { CompiledQuery, Kysely } from 'kysely';
import type { TimeNs } from '../model/time.ts';
import type { Tables } from './tables.ts';

/** What a query function needs: statements and the database's clock. */
export interface Queries {
  readonly query: Kysely<Tables>;
  /** The rows of a statement that was built before: the short way, for what is asked again and again. */
  rows<Row>(built: CompiledQuery<Row>): Promise<readonly Row[]>;
  /** The database's clock: one for all controls that share the database. */
  now(): Promise<TimeNs>;
}

/** Statements that commit together or not at all. Awaiting anything but statements in one keeps everybody waiting. */
export interface Transaction extends Queries {
  readonly kind: 'transaction';
}

/** An open database. */
export interface Database extends Queries {
  readonly kind: 'database';
  /**
   * Runs `body` in a transaction and commits; anything thrown rolls it back and is thrown on. Inside, only `tx` may be
   * used: a statement through the database itself is refused.
   *
   * @throws FaultError `database_failed` when the database cannot begin or commit
   */
  transaction<T>(body: (tx: Transaction) => Promise<T>): Promise<T>;
  /** Waits for the statements under way and closes. */
  close(): Promise<void>;
}
