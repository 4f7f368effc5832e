import type { CompiledQuery, Kysely } from 'kysely';
import type { Fault } from '../model/errors/fault.ts';
import type { TimeNs } from '../model/time.ts';
import type { Tables } from './tables.ts';

/** What a query function needs: statements and the database's clock. */
export interface Queries {
  readonly query: Kysely<Tables>;
  /** The rows of a statement that was built before: the short way, for what is asked again and again. */
  rows<Row>(built: CompiledQuery<Row>): Promise<readonly Row[]>;
  /**
   * The database's clock: one for all controls that share the database. Goes on with the time that really passes, and is never set:
   * whatever is waited for, runs out or is kept is measured by it.
   */
  now(): Promise<TimeNs>;
  /** The wall clock: for what people read and packets are stamped by. It can be set at any moment. */
  wall(): TimeNs;
  /** A row cannot be read: the operator is told, and it is left out. */
  damaged(fault: Fault): void;
}

/** The database's clock beside the wall clock. */
export interface DatabaseClock {
  now(): TimeNs;
  wall(): TimeNs;
  /** What the wall clock showed, or as it goes now will show, at a moment of the database's clock. */
  toWall(at: TimeNs): TimeNs;
  /** The moment of the database's clock at which the wall clock, as it goes now, shows that. */
  fromWall(wall: TimeNs): TimeNs;
  /**
   * Writes down what a later process goes on from, where it is time: to be called every second or so. Gives by how many nanoseconds
   * the wall clock was set, each time since the call before.
   */
  keep(): Promise<readonly bigint[]>;
}

/** Statements that commit together or not at all. Awaiting anything but statements in one keeps everybody waiting. */
export interface Transaction extends Queries {
  readonly kind: 'transaction';
}

/** An open database. */
export interface Database extends Queries {
  readonly kind: 'database';
  /** What `now` and `wall` read. */
  readonly clock: DatabaseClock;
  /**
   * Runs `body` in a transaction and commits; anything thrown rolls it back and is thrown on. Inside, only `tx` may be
   * used: a statement through the database itself is refused.
   *
   * @throws FaultError `database_failed`, `database_locked`, `database_full` or `database_unwritable` when the database cannot begin or commit
   */
  transaction<T>(body: (tx: Transaction) => Promise<T>): Promise<T>;
  /** What keeps the database from being written at the moment, as far as its statements have shown; undefined while they succeed. */
  trouble(): Fault | undefined;
  /** Waits for the statements under way and closes. */
  close(): Promise<void>;
}
