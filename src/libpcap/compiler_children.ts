import { CompilerChild, type CompilerChildOptions } from './compiler_child_process.ts';

/** Compiler processes: the first is always there, the others start when they are needed and end when they are not. */
export class CompilerChildren {
  readonly #all: readonly CompilerChild[];
  /** Those that have nothing to do, and what will end them. */
  readonly #idle = new Map<CompilerChild, NodeJS.Timeout | undefined>();
  readonly #first: CompilerChild;
  readonly #idle_ms: number;
  /** Those who wait for one to be free; for each of them one is being started. */
  readonly #waiting: ((child: CompilerChild) => void)[] = [];

  /** @param count with the first, and never fewer than run at one time */
  constructor(first: CompilerChild, count: number, idle_ms: number, options: CompilerChildOptions) {
    this.#first = first;
    this.#idle_ms = idle_ms;
    this.#all = [first, ...Array.from({ length: count - 1 }, () => new CompilerChild(options))];
    for (const child of this.#all) this.#idle.set(child, undefined);
  }

  /**
   * Runs it with one that has nothing else to do, the first before all others. Where none is ready, one is started, and the work goes to
   * whichever is free first: on a busy machine a start takes longer than most filters.
   */
  async run<T>(work: (child: CompilerChild) => Promise<T>): Promise<T> {
    const child = this.#readyOne() ?? (await this.#nextFree());
    try {
      return await work(child);
    } finally {
      this.#free(child);
    }
  }

  #readyOne(): CompilerChild | undefined {
    const child = this.#all.find((one) => one.ready && this.#idle.has(one));
    if (child !== undefined) this.#use(child);
    return child;
  }

  async #nextFree(): Promise<CompilerChild> {
    const child = this.#all.find((one) => this.#idle.has(one));
    if (child === undefined) throw new TypeError('more run than there are processes');
    this.#use(child);
    void child.started().then(() => this.#free(child));
    return await new Promise((resolve) => this.#waiting.push(resolve));
  }

  #use(child: CompilerChild): void {
    clearTimeout(this.#idle.get(child));
    this.#idle.delete(child);
  }

  /** Gives it to whoever waits for longest; else it has nothing to do, and ends after a while. */
  #free(child: CompilerChild): void {
    const next = this.#waiting.shift();
    if (next !== undefined) {
      next(child);
      return;
    }
    const ends = child === this.#first ? undefined : setTimeout(() => void child.rest(), this.#idle_ms).unref();
    this.#idle.set(child, ends);
  }

  /** Ends them all; what runs ends as `ended`. */
  async close(): Promise<void> {
    await Promise.all(this.#all.map((child) => child.close()));
    for (const ends of this.#idle.values()) clearTimeout(ends);
  }
}
