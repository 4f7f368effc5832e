import { Worker } from 'node:worker_threads';
import { FaultError, raise } from '../model/errors/fault.ts';
import type { ScanAnswer, ScanOrder, ScanWork } from './scan_messages.ts';
import type { NewestJob, ScanResult } from './scan_segments.ts';
import type { TallyJob, TallyResult } from './tally_segments.ts';

/** The worker threads that look-backs run in: made when first needed, kept for the next. */
export class ScanPool {
  readonly #idle: Worker[] = [];
  readonly #all = new Set<Worker>();

  /** Makes a worker now, so that the first look-back need not wait for it. */
  warm(): void {
    if (this.#all.size > 0) return;
    const worker = this.#start();
    worker.unref();
    this.#idle.push(worker);
  }

  /** Finds packets. On `signal` it is given up, and the promise is rejected with the signal's reason once the worker has let go. */
  async find(job: NewestJob, signal: AbortSignal | undefined): Promise<ScanResult> {
    const answer = await this.#run({ kind: 'find', job }, signal);
    return answer.kind === 'found' ? answer.result : raise('lookback_failed', { reason: `it was ${answer.kind}` });
  }

  /** Counts packets; given up likewise. */
  async tally(job: TallyJob, signal: AbortSignal | undefined): Promise<TallyResult> {
    const answer = await this.#run({ kind: 'tally', job }, signal);
    return answer.kind === 'tallied' ? answer.result : raise('lookback_failed', { reason: `it was ${answer.kind}` });
  }

  async #run(work: ScanWork, signal: AbortSignal | undefined): Promise<ScanAnswer> {
    signal?.throwIfAborted();
    const worker = this.#idle.pop() ?? this.#start();
    const flag = new Int32Array(new SharedArrayBuffer(4));
    const cancel = (): void => void Atomics.store(flag, 0, 1);
    signal?.addEventListener('abort', cancel, { once: true });
    let answer: ScanAnswer;
    try {
      answer = await ask(worker, { work, cancel: flag.buffer });
    } catch (cause) {
      await worker.terminate();
      return raise('lookback_failed', { reason: String(cause) }, { cause });
    } finally {
      signal?.removeEventListener('abort', cancel);
    }
    this.#idle.push(worker);
    if (answer.kind === 'failed') throw new FaultError([answer.fault]);
    signal?.throwIfAborted();
    return answer;
  }

  /** Ends the workers. Jobs that run must have ended before. */
  async close(): Promise<void> {
    const workers = [...this.#all];
    this.#all.clear();
    this.#idle.length = 0;
    await Promise.all(workers.map((worker) => worker.terminate()));
  }

  #start(): Worker {
    const worker = new Worker(new URL('./scan_worker.ts', import.meta.url), { execArgv: [] });
    this.#all.add(worker);
    // Whoever waits for its answer hears of it by himself.
    worker.on('error', () => undefined);
    worker.on('exit', () => {
      this.#all.delete(worker);
      if (this.#idle.includes(worker)) this.#idle.splice(this.#idle.indexOf(worker), 1);
    });
    return worker;
  }
}

function ask(worker: Worker, order: ScanOrder): Promise<ScanAnswer> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      worker.off('message', heard);
      worker.off('error', failed);
      worker.off('exit', gone);
      worker.unref();
    };
    const heard = (answer: ScanAnswer): void => {
      settle();
      resolve(answer);
    };
    const failed = (error: unknown): void => {
      settle();
      reject(error instanceof Error ? error : new Error(String(error)));
    };
    const gone = (): void => failed(new Error('its worker ended'));
    worker.on('message', heard);
    worker.on('error', failed);
    worker.on('exit', gone);
    worker.ref();
    worker.postMessage(order, []);
  });
}
