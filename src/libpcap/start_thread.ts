import { getSystemErrorMap } from 'node:util';
import { Worker, type WorkerOptions } from 'node:worker_threads';
import { raise } from '../model/errors/fault.ts';

/**
 * Starts a worker thread.
 *
 * @throws FaultError `thread_unstarted` where the system has no more threads, open files or memory for it
 */
export function startThread(program: URL, options: WorkerOptions): Worker {
  try {
    return new Worker(program, options);
  } catch (cause) {
    return raise('thread_unstarted', { reason: inWords(cause) }, { cause });
  }
}

/** Of some errors Node tells the errno's name only. */
function inWords(error: unknown): string {
  const said = error instanceof Error ? error.message : String(error);
  const known = getSystemErrorMap()
    .values()
    .find(([name]) => name === said);
  return known === undefined ? said : `${known[1]} (${known[0]})`;
}
