import type { Worker } from 'node:worker_threads';
import { startThread } from '../libpcap/start_thread.ts';
import { FaultError, raise } from '../model/errors/fault.ts';
import type { ScanAnswer, ScanOrder, ScanWork } from './scan_messages.ts';
import type { CountOrder, StreamCounts } from './count_streams.ts';
import type { NewestJob, ScanResult } from './scan_segments.ts';
import type { TallyJob, TallyResult } from './tally_segments.ts';

/** What a look-back has found. */
export interface FoundPackets {
  readonly result: ScanResult;
  /** What was counted after it; undefined where there was nothing to count, or it failed. Never rejects. */
  readonly counted: Promise<StreamCounts | undefined>;
}

/** The worker threads that look-backs run in: made when first needed, kept for the next. */
export class ScanPool {
  readonly #idle: Worker[] = [];
  readonly #all = new Set<Worker>();

  /** Makes a worker now, so that the first look-back need not wait for it. */
  warm(): void {
    if (this.#all.size > 0) return;
    try {
      const worker = this.#start();
      worker.unref();
      this.#idle.push(worker);
    } catch (error) {
      // A look-back starts its own, or says why it cannot.
      if (!(error instanceof FaultError)) throw error;
    }
  }

  /** Finds packets. On `signal` it is given up, and the promise is rejected with the signal's reason once the worker has let go. */
  async find(job: NewestJob, count: CountOrder, signal: AbortSignal | undefined): Promise<FoundPackets> {
    const { answer, worker } = await this.#run({ kind: 'find', job, count }, signal);
    if (answer.kind !== 'found') return raise('lookback_failed', { reason: `it was ${answer.kind}` });
    return {
      result: answer.result,
      counted: worker === undefined ? Promise.resolve(undefined) : this.#counted(worker),
    };
  }

  /** Waits for a worker's second answer. One that fails in counting has given the first all the same. */
  async #counted(worker: Worker): Promise<StreamCounts | undefined> {
    try {
      const answer = await heardFrom(worker);
      this.#idle.push(worker);
      return answer.kind === 'counted' ? answer.counts : undefined;
    } catch {
      await worker.terminate();
      return undefined;
    }
  }

  /** Counts packets; given up likewise. */
  async tally(job: TallyJob, signal: AbortSignal | undefined): Promise<TallyResult> {
    const { answer } = await this.#run({ kind: 'tally', job }, signal);
    return answer.kind === 'tallied' ? answer.result : raise('lookback_failed', { reason: `it was ${answer.kind}` });
  }

  /** The first answer, and the worker where it goes on to a second one. */
  async #run(
    work: ScanWork,
    signal: AbortSignal | undefined,
  ): Promise<{ readonly answer: ScanAnswer; readonly worker?: Worker }> {
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
    if (answer.kind === 'found' && answer.counting && signal?.aborted !== true) return { answer, worker };
    // Its files are not to be closed before it has let go of them.
    if (answer.kind === 'found' && answer.counting) await this.#counted(worker);
    else this.#idle.push(worker);
    if (answer.kind === 'failed') throw new FaultError([answer.fault]);
    signal?.throwIfAborted();
    return { answer };
  }

  /** Ends the workers. Jobs that run must have ended before. */
  async close(): Promise<void> {
    const workers = [...this.#all];
    this.#all.clear();
    this.#idle.length = 0;
    await Promise.all(workers.map((worker) => worker.terminate()));
  }

  #start(): Worker {
    const worker = startThread(new URL('./scan_worker.ts', import.meta.url), { execArgv: [] });
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
  const answer = heardFrom(worker);
  worker.postMessage(order, []);
  return answer;
}

/** The next answer of a worker. */
function heardFrom(worker: Worker): Promise<ScanAnswer> {
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
  });
}
