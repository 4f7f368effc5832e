import { AsyncLocalStorage } from 'node:async_hooks';
import { raise } from '../model/errors/fault.ts';

const current = new AsyncLocalStorage<{ open: boolean }>();

/** Runs the body of a transaction so that `refuseInsideTransaction` can tell that it is one. */
export async function insideTransaction<T>(run: () => Promise<T>): Promise<T> {
  const scope = { open: true };
  try {
    return await current.run(scope, run);
  } finally {
    scope.open = false;
  }
}

/**
 * Refuses a statement that runs inside a transaction's body but not through that transaction: on one connection it would
 * wait for itself for ever, and on several it would silently see and write another state.
 *
 * @throws FaultError `database_failed`
 */
export function refuseInsideTransaction(): void {
  if (current.getStore()?.open === true) {
    raise('database_failed', { reason: 'a statement in a transaction went past it (pass the transaction on)' });
  }
}
