import { Worker, type WorkerOptions } from 'node:worker_threads';
import { raise } from '../model/errors/fault.ts';
import { systemErrorText } from './system_error_text.ts';

/**
 * Starts a worker thread.
 *
 * @throws FaultError `thread_unstarted` where the system has no more threads, open files or memory for it
 */
export function startThread(program: URL, options: WorkerOptions): Worker {
  try {
    return new Worker(program, options);
  } catch (cause) {
    return raise('thread_unstarted', { reason: systemErrorText(cause) }, { cause });
  }
}
