import type { Fault } from '../model/errors/fault.ts';

/** Whether the database can be written, as its own statements show. */
export class WriteHealth {
  #trouble: Fault | undefined;
  /** A statement of the transaction under way has changed something. */
  #wrote = false;

  /** What keeps it from being written, since a statement met it and until one is past it. */
  get trouble(): Fault | undefined {
    return this.#trouble;
  }

  /** A statement has failed. */
  failed(fault: Fault): void {
    const outside = ['database_locked', 'database_full', 'database_unwritable'].includes(fault.name);
    if (outside) this.#trouble = fault;
  }

  /** A statement has succeeded and changed so many rows; `open`: its transaction is not over. */
  succeeded(sql: string, changes: number, open: boolean): void {
    if (sql === 'begin immediate') {
      this.#wrote = false;
      // With the lock, nobody else has it.
      if (this.#trouble?.name === 'database_locked') this.#trouble = undefined;
      return;
    }
    if (changes > 0) this.#wrote = true;
    if (open || !this.#wrote || sql === 'rollback') return;
    this.#wrote = false;
    this.#trouble = undefined;
  }
}
