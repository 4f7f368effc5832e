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

  /** An idle worker, which is then the caller's until `release`. Throws `workers_exhausted` where all are busy. */
  async acquire(): Promise<PooledWorker> {
    const worker = this.#takeIdle() ?? (await this.#startOne());
    worker.hold(true);
    this.#refill();
    return worker;
  }

  /** Takes a worker back that has said it is idle, or is dead. */
  release(worker: PooledWorker): void {
    worker.listener = undefined;
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

  async #startOne(): Promise<PooledWorker> {
    if (this.#count >= this.#options.workers_max && this.#starting !== undefined) {
      await this.#starting;
      const started = this.#takeIdle();
      if (started !== undefined) return started;
    }
    if (this.#count >= this.#options.workers_max) raise('workers_exhausted', { limit: this.#options.workers_max });
    return await this.#start();
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
