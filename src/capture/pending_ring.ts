import { FaultError, type Fault } from '../model/errors/fault.ts';
import type { PooledWorker } from './pooled_worker.ts';
import type { OpenOptions } from './worker_messages.ts';
import type { WorkerPool } from './worker_pool.ts';

/**
 * A worker that makes a ring on an interface and then waits, deaf, to be armed: making it takes longer than all else that a
 * capture needs before it can begin. Taken or given up, once; until then it costs a worker and the ring's memory.
 */
export class PendingRing {
  readonly #pool: Pick<WorkerPool, 'acquire' | 'returning' | 'release'>;
  readonly #open: OpenOptions;
  readonly #acquired = Promise.withResolvers<undefined>();
  readonly #made: Promise<{ readonly worker: PooledWorker; readonly linktype: number }>;
  /** From when it is this ring's. */
  #worker: PooledWorker | undefined;
  #died: Fault | undefined;
  #taken = false;
  #givenUp = false;

  /** Begins at once. */
  constructor(pool: Pick<WorkerPool, 'acquire' | 'returning' | 'release'>, open: OpenOptions) {
    this.#pool = pool;
    this.#open = open;
    this.#made = this.#make();
    // Heard by whoever takes it.
    this.#made.catch(this.#acquired.reject);
    this.#acquired.promise.catch(() => undefined);
  }

  /** Resolves once a worker is at it. Throws `workers_exhausted`, among others. */
  async acquired(): Promise<void> {
    await this.#acquired.promise;
  }

  /** The LINKTYPE_ number of the interface's packets. Throws what keeps the ring from being made. */
  async linktype(): Promise<number> {
    return (await this.#made).linktype;
  }

  /** The worker with its ring; who takes it listens to it and gives it back. Throws what keeps the ring from being made. */
  async take(): Promise<PooledWorker> {
    if (this.#taken || this.#givenUp) throw new Error('the ring was taken or given up');
    this.#taken = true;
    const { worker } = await this.#made;
    if (this.#died !== undefined) throw new FaultError([this.#died]);
    return worker;
  }

  /** Has the ring closed, once it is made, and gives the worker back. Nothing where it was taken. */
  giveUp(): void {
    if (this.#taken || this.#givenUp) return;
    this.#givenUp = true;
    // Who needs a worker may wait for this one already.
    if (this.#worker !== undefined && this.#died === undefined) this.#pool.returning(this.#worker);
    const close = ({ worker }: { readonly worker: PooledWorker }): void => {
      if (this.#died === undefined) worker.send({ kind: 'close' });
    };
    void this.#made.then(close, () => undefined);
  }

  async #make(): Promise<{ readonly worker: PooledWorker; readonly linktype: number }> {
    const worker = await this.#pool.acquire();
    if (this.#givenUp) {
      this.#pool.release(worker);
      throw new Error('the ring was given up before it was begun');
    }
    this.#worker = worker;
    this.#acquired.resolve(undefined);
    return await new Promise((resolve, reject) => {
      worker.listener = {
        message: (answer) => {
          if (answer.kind === 'idle') return this.#pool.release(worker);
          if (answer.kind === 'opened') return resolve({ worker, linktype: answer.linktype });
          this.#pool.returning(worker);
          if (answer.kind === 'failed') reject(new FaultError(answer.faults));
        },
        died: (fault) => {
          this.#died = fault;
          this.#pool.release(worker);
          reject(new FaultError([fault]));
        },
      };
      worker.send({ kind: 'open', open: this.#open });
    });
  }
}
