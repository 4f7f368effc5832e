import { FaultError, raise } from '../model/errors/fault.ts';
import type { Queries } from './database.ts';

/** Reads a row. What is not what this edgetap wrote is thrown as `row_damaged`, with the name of the row. */
export function reading<T>(row: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (cause instanceof FaultError) throw cause;
    const reason = (cause instanceof Error ? cause.message : String(cause)).slice(0, 200);
    return raise('row_damaged', { row, reason }, { cause });
  }
}

/** Those rows that can be read; the others are told, and left out. */
export function readable<Row, T>(db: Pick<Queries, 'damaged'>, rows: readonly Row[], read: (row: Row) => T): T[] {
  return rows.flatMap((row) => readableOne(db, () => read(row)) ?? []);
}

/** A row, or undefined where it cannot be read, which is told. */
export function readableOne<T>(db: Pick<Queries, 'damaged'>, read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof FaultError) || error.faults[0].name !== 'row_damaged') throw error;
    db.damaged(error.faults[0]);
    return undefined;
  }
}

/** Requires something of a value that was read. */
export function mustBe(right: boolean, what: string): void {
  if (!right) throw new TypeError(`${what} is not what it can be`);
}
