import { type Fault, FaultError, fault } from '../model/errors/fault.ts';

// Primary result codes (https://www.sqlite.org/rescode.html).
const busy = 5;
const locked = 6;
const read_only = 8;
const io_error = 10;
const full = 13;
const cannot_open = 14;
const corrupt = 11;
const not_a_database = 26;

/** The fault that an error of SQLite's is: one that names what is wrong outside of edgetap, or `database_failed`. */
export function sqliteFault(error: unknown): Fault {
  if (error instanceof FaultError) return error.faults[0];
  const reason = error instanceof Error ? error.message : String(error);
  switch (primaryCode(error)) {
    case busy:
    case locked:
      return fault('database_locked', { reason });
    case full:
      return fault('database_full', { reason });
    case read_only:
    case io_error:
    case cannot_open:
      return fault('database_unwritable', { reason });
    case corrupt:
    case not_a_database:
      return fault('database_damaged', { reason });
    default:
      return fault('database_failed', { reason });
  }
}

/** SQLite's result code without what the extended one adds; 0 for an error of another origin. */
function primaryCode(error: unknown): number {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return 0;
  return error.errcode & 0xff;
}
