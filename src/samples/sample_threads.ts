import { closeSync, writeSync } from 'node:fs';
import type { Worker } from 'node:worker_threads';
import { startThread } from '../libpcap/start_thread.ts';
import { wakeBytes } from '../libpcap/waiter.ts';
import { FaultError } from '../model/errors/fault.ts';
import type { FromSampler, FromSampleThread, SamplerOrder, ToSampler, ToSampleThread } from './sampler_messages.ts';

/** Who has a seat hears what its sampler says, and that it is over: nothing comes after that. */
export interface SamplerListener {
  said(message: FromSampler): void;
  /** `failure` is what ended it, where it did not end by itself. */
  gone(failure: string | undefined): void;
}

/** A sampler at work in a thread. */
export interface SamplerSeat {
  tell(message: ToSampler): void;
  /** Makes the sampler look at its state, if it sleeps. */
  wake(): void;
}

/** A thread that samples any number of interfaces. */
class SampleThread {
  readonly #worker: Worker;
  readonly #listeners = new Map<number, SamplerListener>();
  #next = 0;
  #wake_descriptor: number | undefined;
  #ending = false;
  readonly #over: () => void;

  /** `over` is called once it takes no more. Throws `thread_unstarted`. */
  constructor(over: () => void) {
    this.#over = over;
    this.#worker = startThread(new URL('./sample_worker.ts', import.meta.url), {
      execArgv: [],
      name: 'edgetap-sample',
    });
    this.#worker.on('message', (message: FromSampleThread) => this.#hear(message));
    let failure: string | undefined;
    this.#worker.on('error', (error) => {
      failure = error.message;
    });
    this.#worker.on('exit', () => {
      // The thread is over: nobody else can close this.
      if (this.#wake_descriptor !== undefined) closeSync(this.#wake_descriptor);
      this.#wake_descriptor = undefined;
      this.#end();
      for (const listener of this.#listeners.values()) listener.gone(failure);
      this.#listeners.clear();
    });
  }

  get samplers(): number {
    return this.#listeners.size;
  }

  begin(order: SamplerOrder, listener: SamplerListener): SamplerSeat {
    const sampler = this.#next;
    this.#next += 1;
    this.#listeners.set(sampler, listener);
    this.#send({ kind: 'begin', sampler, order });
    return { tell: (message) => this.#send({ kind: 'tell', sampler, message }), wake: () => this.#wake() };
  }

  #hear(message: FromSampleThread): void {
    if (message.kind === 'ready') {
      this.#wake_descriptor = message.wake_descriptor;
      return this.#wake();
    }
    const listener = this.#listeners.get(message.sampler);
    if (message.kind === 'said') return listener?.said(message.message);
    this.#listeners.delete(message.sampler);
    if (this.#listeners.size === 0) {
      this.#end();
      this.#send({ kind: 'end' });
    }
    listener?.gone(message.failure);
  }

  #end(): void {
    if (this.#ending) return;
    this.#ending = true;
    this.#over();
  }

  #send(message: ToSampleThread): void {
    this.#worker.postMessage(message, []);
    this.#wake();
  }

  #wake(): void {
    if (this.#wake_descriptor !== undefined) writeSync(this.#wake_descriptor, wakeBytes);
  }
}

/** The threads of a sample store: one for each of the first samplers, which then share them. */
export class SampleThreads {
  readonly #most: number;
  readonly #threads = new Set<SampleThread>();

  /** `most`: so many threads at most. */
  constructor(most: number) {
    this.#most = most;
  }

  /** Begins to sample. Throws `thread_unstarted` where there is no thread and none can be started. */
  begin(order: SamplerOrder, listener: SamplerListener): SamplerSeat {
    return this.#place().begin(order, listener);
  }

  #place(): SampleThread {
    const [first, ...more] = this.#threads;
    const least = more.reduce((one, other) => (other.samplers < (one?.samplers ?? 0) ? other : one), first);
    if (least !== undefined && this.#threads.size >= this.#most) return least;
    try {
      const thread = new SampleThread(() => this.#threads.delete(thread));
      this.#threads.add(thread);
      return thread;
    } catch (error) {
      // Those that are there do its work.
      if (least === undefined || !(error instanceof FaultError)) throw error;
      return least;
    }
  }
}
