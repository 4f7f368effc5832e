import { closeSync, writeSync } from 'node:fs';
import type { Worker } from 'node:worker_threads';
import { startThread } from '../libpcap/start_thread.ts';
import { wakeBytes } from '../libpcap/waiter.ts';
import { FaultError, type Fault, fault } from '../model/errors/fault.ts';
import { CaptureControl } from './capture_control.ts';
import type { SpoolBudget } from './spool_budget.ts';
import type { FromWorker, ToWorker, WorkerData } from './worker_messages.ts';

/** Who has a worker hears of its messages, and of its death: nothing comes after that. */
export interface WorkerListener {
  message(message: FromWorker): void;
  died(fault: Fault): void;
}

/** A capture thread with libpcap loaded, for one capture after the other. */
export class PooledWorker {
  readonly control: CaptureControl = new CaptureControl();
  listener: WorkerListener | undefined;
  readonly #worker: Worker;
  #wake_descriptor: number | undefined;
  #ready = false;
  #dead: Fault | undefined;

  private constructor(budget: SpoolBudget) {
    const data: WorkerData = {
      control: this.control.shared,
      budget: { shared: budget.shared, limit_bytes: budget.limit_bytes },
    };
    this.#worker = startThread(new URL('./capture_worker.ts', import.meta.url), {
      workerData: data,
      execArgv: [],
      name: 'edgetap-capture',
    });
    this.#worker.on('message', (message: FromWorker) => {
      if (message.kind === 'ready') {
        this.#ready = true;
        this.#wake_descriptor = message.wake_descriptor;
      }
      this.listener?.message(message);
    });
    this.#worker.on('error', (error) => this.#die(error.message));
    this.#worker.on('exit', (code) => {
      // The thread is over, whatever it was ended by: nobody else can close this.
      if (this.#wake_descriptor !== undefined) closeSync(this.#wake_descriptor);
      this.#wake_descriptor = undefined;
      this.#die(`it ended with ${code}.`);
    });
  }

  /** Starts a thread; resolves when it can capture. Rejects with `libpcap_missing`, among others. */
  static async start(budget: SpoolBudget): Promise<PooledWorker> {
    const worker = new PooledWorker(budget);
    await new Promise<void>((resolve, reject) => {
      worker.listener = {
        message(message) {
          if (message.kind === 'failed') reject(new FaultError(message.faults));
          else resolve();
        },
        died: (dead) => reject(new FaultError([dead])),
      };
    });
    worker.listener = undefined;
    worker.hold(false);
    return worker;
  }

  get dead(): boolean {
    return this.#dead !== undefined;
  }

  send(message: ToWorker): void {
    this.#worker.postMessage(message, []);
  }

  /** Makes the thread look at its control, if it sleeps. */
  wake(): void {
    if (this.#wake_descriptor !== undefined) writeSync(this.#wake_descriptor, wakeBytes);
  }

  /** Does this thread keep the process alive? */
  hold(on: boolean): void {
    if (on) this.#worker.ref();
    else this.#worker.unref();
  }

  /** Ends an idle thread. (One that captures has to be stopped first: it would not hear of it.) */
  async end(): Promise<void> {
    await this.#worker.terminate();
  }

  #die(reason: string): void {
    // One that has not begun has captured nothing.
    this.#dead ??= fault(this.#ready ? 'capture_worker_failed' : 'thread_unstarted', {
      reason: reason.replace(/\.$/, ''),
    });
    this.listener?.died(this.#dead);
    this.listener = undefined;
  }
}
