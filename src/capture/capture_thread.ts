import { closeSync, writeSync } from 'node:fs';
import type { Worker } from 'node:worker_threads';
import { startThread } from '../libpcap/start_thread.ts';
import { wakeBytes } from '../libpcap/waiter.ts';
import { FaultError, type Fault, fault } from '../model/errors/fault.ts';
import { OwnTrafficBoard } from '../libpcap/own_traffic.ts';
import { RingSeat } from './ring_seat.ts';
import type { SpoolBudget } from './spool_budget.ts';
import type { FromWorker, ToRing, ToWorker, WorkerData } from './worker_messages.ts';

/** A capture thread with libpcap loaded, for any number of rings. */
export class CaptureThread {
  readonly #worker: Worker;
  readonly #seats = new Map<number, RingSeat>();
  readonly #begun = Promise.withResolvers<undefined>();
  #next_ring = 0;
  #wake_descriptor: number | undefined;
  #ready = false;
  #dead: Fault | undefined;

  private constructor(budget: SpoolBudget, own: OwnTrafficBoard) {
    const { shared, limit_bytes, share_percent } = budget;
    const data: WorkerData = { budget: { shared, limit_bytes, share_percent }, own: own.shared };
    this.#worker = startThread(new URL('./capture_worker.ts', import.meta.url), {
      workerData: data,
      execArgv: [],
      name: 'edgetap-capture',
    });
    this.#worker.on('message', (message: FromWorker) => this.#hear(message));
    this.#worker.on('error', (error) => this.#die(error.message));
    this.#worker.on('exit', (code) => {
      // The thread is over, whatever it was ended by: nobody else can close this.
      if (this.#wake_descriptor !== undefined) closeSync(this.#wake_descriptor);
      this.#wake_descriptor = undefined;
      this.#die(`it ended with ${code}.`);
    });
  }

  /** Starts a thread; resolves when it can capture. Rejects with `libpcap_missing`, among others. */
  static async start(budget: SpoolBudget, own = new OwnTrafficBoard()): Promise<CaptureThread> {
    const thread = new CaptureThread(budget, own);
    await thread.#begun.promise;
    thread.#hold();
    return thread;
  }

  /** Rings that it has. */
  get rings(): number {
    return this.#seats.size;
  }

  get dead(): boolean {
    return this.#dead !== undefined;
  }

  /** A place for one more ring. */
  seat(): RingSeat {
    const ring = this.#next_ring;
    this.#next_ring += 1;
    const seat = new RingSeat({
      thread: this,
      send: (message: ToRing) => {
        this.#send({ ring, message });
        this.wake();
      },
      left: () => {
        this.#seats.delete(ring);
        this.#hold();
      },
    });
    this.#seats.set(ring, seat);
    this.#hold();
    return seat;
  }

  /** Makes the thread look at the controls of its rings and at its messages, if it sleeps. */
  wake(): void {
    if (this.#wake_descriptor !== undefined) writeSync(this.#wake_descriptor, wakeBytes);
  }

  /** Ends a thread without rings. (Those that capture have to be stopped first: it would not hear of it.) */
  async end(): Promise<void> {
    await this.#worker.terminate();
  }

  #send(message: ToWorker): void {
    this.#worker.postMessage(message, []);
  }

  /** A thread with rings keeps the process alive. */
  #hold(): void {
    if (this.#seats.size > 0) this.#worker.ref();
    else this.#worker.unref();
  }

  #hear(message: FromWorker): void {
    switch (message.kind) {
      case 'ready':
        this.#wake_descriptor = message.wake_descriptor;
        this.#ready = true;
        return this.#begun.resolve(undefined);
      case 'unready':
        return this.#begun.reject(new FaultError(message.faults));
      case 'ring':
        return this.#seats.get(message.ring)?.listener?.message(message.message);
    }
  }

  #die(reason: string): void {
    if (this.#dead !== undefined) return;
    // One that has not begun has captured nothing.
    const dead = fault(this.#ready ? 'capture_worker_failed' : 'thread_unstarted', {
      reason: reason.replace(/\.$/, ''),
    });
    this.#dead = dead;
    this.#begun.reject(new FaultError([dead]));
    for (const seat of this.#seats.values()) {
      seat.listener?.died(dead);
      seat.listener = undefined;
    }
  }
}
