import { FaultError, raise } from '../model/errors/fault.ts';
import type { OwnTrafficBoard } from '../libpcap/own_traffic.ts';
import { CaptureThread } from './capture_thread.ts';
import type { RingBudget, RingGrant, RingWish } from '../model/ring_budget.ts';
import type { RingSeat } from './ring_seat.ts';
import type { SpoolBudget } from './spool_budget.ts';

/** How many workers, and how much memory for their rings. */
export interface PoolOptions {
  /** Threads at most; where each has a ring already, they share. */
  readonly workers_max: number;
  /** Threads that are kept ready while nothing captures. */
  readonly workers_warm: number;
  readonly memory: RingBudget;
  readonly budget: SpoolBudget;
  readonly own: OwnTrafficBoard;
}

/** A place in a thread, and the memory for a ring there. */
export interface TakenSeat {
  readonly seat: RingSeat;
  readonly grant: RingGrant;
}

/**
 * Threads that are ready to capture: starting one takes tens of milliseconds, so there is always one more than is needed. A ring has a
 * thread of its own as long as there are enough, and shares one with as few others as can be where there are not.
 */
export class WorkerPool {
  readonly #options: PoolOptions;
  #threads: CaptureThread[] = [];
  readonly #starting = new Set<Promise<unknown>>();
  readonly #grants = new Map<RingSeat, RingGrant>();
  readonly #returning = new Set<RingSeat>();
  /** Who waits for the memory of one of these. */
  readonly #waiting: (() => void)[] = [];
  #closed = false;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  /** Starts the threads that are kept ready. */
  async warm(): Promise<void> {
    const { workers_warm, workers_max } = this.#options;
    while (!this.#closed && this.#threads.length < Math.min(workers_warm, workers_max)) await this.#start();
  }

  /**
   * A place for a ring, and memory for it: the caller's until `release`. Where there is no memory, that of one which is just coming back
   * is waited for. Throws `workers_exhausted` where there is none, and `capture_ended` once the pool is closed.
   */
  async acquire(wish: RingWish): Promise<TakenSeat> {
    const grant = await this.#memoryFor(wish);
    let seat: RingSeat;
    try {
      seat = await this.#seat();
    } catch (error) {
      this.#giveBack(grant);
      throw error;
    }
    this.#grants.set(seat, grant);
    this.#refill();
    return { seat, grant };
  }

  /** A place to look at an interface for a moment, with what little memory that takes. Throws as `acquire` does. */
  async acquireToProbe(): Promise<RingSeat> {
    return await this.#seat();
  }

  /** This ring has done its work, and its memory will be released as soon as the kernel has it back. */
  returning(seat: RingSeat): void {
    if (this.#grants.has(seat)) this.#returning.add(seat);
  }

  /** Takes a place back whose ring is gone, or whose thread is. Safe to call twice. */
  release(seat: RingSeat): void {
    seat.leave();
    this.#returning.delete(seat);
    const grant = this.#grants.get(seat);
    this.#grants.delete(seat);
    if (grant !== undefined) this.#giveBack(grant);
    this.#trim();
  }

  /** Ends the threads without rings; the others end when these are released. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled(this.#starting);
    const idle = this.#idle();
    this.#threads = this.#threads.filter((thread) => !idle.includes(thread));
    await Promise.all(idle.map((thread) => thread.end()));
  }

  #giveBack(grant: RingGrant): void {
    this.#options.memory.giveBack(grant);
    this.#waiting.shift()?.();
  }

  async #memoryFor(wish: RingWish): Promise<RingGrant> {
    const { memory } = this.#options;
    for (;;) {
      if (this.#closed) raise('capture_ended');
      const grant = memory.take(wish);
      if (grant !== undefined) return grant;
      if (this.#returning.size <= this.#waiting.length) {
        raise('workers_exhausted', { limit: memory.rings_max, limit_bytes: memory.limit_bytes });
      }
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /** Threads that are there and have no ring. */
  #idle(): CaptureThread[] {
    return this.#threads.filter((thread) => thread.rings === 0);
  }

  async #seat(): Promise<RingSeat> {
    for (;;) {
      this.#threads = this.#threads.filter((thread) => !thread.dead);
      if (this.#closed) raise('capture_ended');
      const idle = this.#idle().at(-1);
      if (idle !== undefined) return idle.seat();
      if (this.#threads.length + this.#starting.size < this.#options.workers_max) {
        if (!(await this.#startOrShare())) return this.#leastLoaded().seat();
      } else if (this.#starting.size > 0) await Promise.race(this.#starting).catch(() => undefined);
      else return this.#leastLoaded().seat();
    }
  }

  #leastLoaded(): CaptureThread {
    const [first, ...more] = this.#threads;
    if (first === undefined) throw new Error('there is no capture thread');
    return more.reduce((least, thread) => (thread.rings < least.rings ? thread : least), first);
  }

  /** Starts a thread; false where the system has none left, and those that are there have to do its work. */
  async #startOrShare(): Promise<boolean> {
    try {
      await this.#start();
      return true;
    } catch (error) {
      this.#threads = this.#threads.filter((thread) => !thread.dead);
      if (!(error instanceof FaultError) || this.#threads.length === 0) throw error;
      return false;
    }
  }

  async #start(): Promise<void> {
    const starting = CaptureThread.start(this.#options.budget, this.#options.own);
    this.#starting.add(starting);
    try {
      const thread = await starting;
      this.#threads.push(thread);
    } finally {
      this.#starting.delete(starting);
    }
  }

  /** Starts the next one in the background. */
  #refill(): void {
    const { workers_max } = this.#options;
    if (this.#closed || this.#idle().length > 0 || this.#starting.size > 0) return;
    if (this.#threads.length >= workers_max) return;
    // Whoever needs a thread next starts one, and hears of the reason.
    void this.#start().then(
      () => this.#trim(),
      () => undefined,
    );
  }

  /** Ends threads that have nothing to do and need not be ready. */
  #trim(): void {
    const idle = this.#idle();
    const kept = this.#closed ? 0 : this.#options.workers_warm;
    for (const thread of idle.slice(0, Math.max(0, idle.length - kept))) {
      this.#threads = this.#threads.filter((one) => one !== thread);
      void thread.end();
    }
  }
}
