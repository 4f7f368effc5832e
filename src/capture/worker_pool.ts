import { raise } from '../model/errors/fault.ts';
import { PooledWorker } from './pooled_worker.ts';
import type { SpoolBudget } from './spool_budget.ts';

/** How many workers. */
export interface PoolOptions {
  /** Captures (and probes) at one time at most. */
  readonly workers_max: number;
  /** Workers that are kept ready while nothing captures. */
  readonly workers_warm: number;
  readonly budget: SpoolBudget;
}

/** Threads that are ready to capture: starting one takes tens of milliseconds, so there is always one more than is needed. */
export class WorkerPool {
  readonly #options: PoolOptions;
  readonly #idle: PooledWorker[] = [];
  /** Starting, idle and busy ones. */
  #count = 0;
  readonly #returning = new Set<PooledWorker>();
  /** Who waits for one of these. */
  readonly #waiting: (() => void)[] = [];
  #starting: Promise<void> | undefined;
  #closed = false;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  /** Starts the workers that are kept ready. */
  async warm(): Promise<void> {
    while (!this.#closed && this.#idle.length < this.#options.workers_warm && this.#count < this.#options.workers_max) {
      this.#idle.push(await this.#start());
    }
  }

  /**
   * An idle worker, which is then the caller's until `release`. Where all are taken, one that is just coming back is waited
   * for. Throws `workers_exhausted` where there is none.
   */
  async acquire(): Promise<PooledWorker> {
    const worker = await this.#next();
    worker.hold(true);
    this.#refill();
    return worker;
  }

  /** This worker has done its work and will be released as soon as it has given its ring back. */
  returning(worker: PooledWorker): void {
    this.#returning.add(worker);
  }

  /** Takes a worker back that has said it is idle, or is dead. */
  release(worker: PooledWorker): void {
    worker.listener = undefined;
    this.#returning.delete(worker);
    this.#waiting.shift()?.();
    if (worker.dead) {
      this.#count -= 1;
      return;
    }
    worker.hold(false);
    this.#idle.push(worker);
    while (this.#closed ? this.#idle.length > 0 : this.#idle.length > this.#options.workers_warm) {
      this.#count -= 1;
      void this.#idle.shift()?.end();
    }
  }

  /** Ends the idle workers; busy ones end when they are released. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#starting?.catch(() => undefined);
    this.#count -= this.#idle.length;
    await Promise.all(this.#idle.splice(0).map((worker) => worker.end()));
  }

  #takeIdle(): PooledWorker | undefined {
    for (;;) {
      const worker = this.#idle.pop();
      if (worker === undefined || !worker.dead) return worker;
      this.#count -= 1;
    }
  }

  async #next(): Promise<PooledWorker> {
    const { workers_max } = this.#options;
    for (;;) {
      const idle = this.#takeIdle();
      if (idle !== undefined) return idle;
      if (this.#closed) raise('workers_exhausted', { limit: workers_max });
      if (this.#count < workers_max) return await this.#start();
      if (this.#starting !== undefined) await this.#starting;
      else if (this.#returning.size > this.#waiting.length) await this.#oneReleased();
      else raise('workers_exhausted', { limit: workers_max });
    }
  }

  async #oneReleased(): Promise<void> {
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  async #start(): Promise<PooledWorker> {
    this.#count += 1;
    try {
      return await PooledWorker.start(this.#options.budget);
    } catch (error) {
      this.#count -= 1;
      throw error;
    }
  }

  /** Starts the next one in the background. */
  #refill(): void {
    if (this.#idle.length > 0 || this.#count >= this.#options.workers_max || this.#starting !== undefined) return;
    this.#starting = this.#start()
      .then((worker) => this.release(worker))
      // Whoever needs a worker next starts one, and hears of the reason.
      .catch(() => undefined)
      .finally(() => {
        this.#starting = undefined;
      });
  }
}
