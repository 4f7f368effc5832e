import { FaultError, type Fault } from '../model/errors/fault.ts';
import type { RingWish } from '../model/ring_budget.ts';
import type { RingSeat } from './ring_seat.ts';
import type { OpenOptions } from './worker_messages.ts';
import type { WorkerPool } from './worker_pool.ts';

/** How an interface is to be opened; how large its ring is, is decided when there is memory for it. */
export type OpenOrder = Omit<OpenOptions, 'ring_bytes' | 'memories'>;

/**
 * A worker that makes a ring on an interface and then waits, deaf, to be armed: making it takes longer than all else that a
 * capture needs before it can begin. Taken or given up, once; until then it costs a place in a thread and the ring's memory.
 */
export class PendingRing {
  readonly #pool: Pick<WorkerPool, 'acquire' | 'returning' | 'release'>;
  readonly #open: OpenOrder;
  readonly #wish: RingWish;
  readonly #acquired = Promise.withResolvers<undefined>();
  readonly #made: Promise<{ readonly seat: RingSeat; readonly linktype: number }>;
  /** From when it is this ring's. */
  #seat: RingSeat | undefined;
  #died: Fault | undefined;
  #taken = false;
  #givenUp = false;

  /** Begins at once. */
  constructor(pool: Pick<WorkerPool, 'acquire' | 'returning' | 'release'>, open: OpenOrder, wish: RingWish) {
    this.#pool = pool;
    this.#open = open;
    this.#wish = wish;
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

  /** The place with its ring; who takes it listens to it and gives it back. Throws what keeps the ring from being made. */
  async take(): Promise<RingSeat> {
    if (this.#taken || this.#givenUp) throw new Error('the ring was taken or given up');
    this.#taken = true;
    const { seat } = await this.#made;
    if (this.#died !== undefined) throw new FaultError([this.#died]);
    return seat;
  }

  /** Has the ring closed, once it is made, and gives the place back. Nothing where it was taken. */
  giveUp(): void {
    if (this.#taken || this.#givenUp) return;
    this.#givenUp = true;
    // Who needs a seat may wait for this one already.
    if (this.#seat !== undefined && this.#died === undefined) this.#pool.returning(this.#seat);
    const close = ({ seat }: { readonly seat: RingSeat }): void => {
      if (this.#died === undefined) seat.send({ kind: 'close' });
    };
    void this.#made.then(close, () => undefined);
  }

  async #make(): Promise<{ readonly seat: RingSeat; readonly linktype: number }> {
    const { seat, grant } = await this.#pool.acquire(this.#wish);
    if (this.#givenUp) {
      this.#pool.release(seat);
      throw new Error('the ring was given up before it was begun');
    }
    this.#seat = seat;
    this.#acquired.resolve(undefined);
    return await new Promise((resolve, reject) => {
      seat.listener = {
        message: (answer) => {
          if (answer.kind === 'idle') return this.#pool.release(seat);
          if (answer.kind === 'opened') return resolve({ seat, linktype: answer.linktype });
          this.#pool.returning(seat);
          if (answer.kind === 'failed') reject(new FaultError(answer.faults));
        },
        died: (fault) => {
          this.#died = fault;
          this.#pool.release(seat);
          reject(new FaultError([fault]));
        },
      };
      seat.send({ kind: 'open', open: { ...this.#open, ...grant }, control: seat.control.shared });
    });
  }
}
