import { CompilerChild, type CompilerChildOptions } from './compiler_child_process.ts';

/** Compiler processes: the first is always there, the others start when they are needed and end when they are not. */
export class CompilerChildren {
  readonly #all: readonly CompilerChild[];
  /** Those that have nothing to do, and what will end them. */
  readonly #idle = new Map<CompilerChild, NodeJS.Timeout | undefined>();
  readonly #first: CompilerChild;
  readonly #idle_ms: number;

  /** @param count with the first, and never fewer than run at one time */
  constructor(first: CompilerChild, count: number, idle_ms: number, options: CompilerChildOptions) {
    this.#first = first;
    this.#idle_ms = idle_ms;
    this.#all = [first, ...Array.from({ length: count - 1 }, () => new CompilerChild(options))];
    for (const child of this.#all) this.#idle.set(child, undefined);
  }

  /** Runs it with one that has nothing else to do, the first before all others. */
  async run<T>(work: (child: CompilerChild) => Promise<T>): Promise<T> {
    const child = this.#all.find((one) => this.#idle.has(one));
    if (child === undefined) throw new TypeError('more run than there are processes');
    clearTimeout(this.#idle.get(child));
    this.#idle.delete(child);
    try {
      return await work(child);
    } finally {
      const ends = child === this.#first ? undefined : setTimeout(() => void child.rest(), this.#idle_ms).unref();
      this.#idle.set(child, ends);
    }
  }

  /** Ends them all; what runs ends as `ended`. */
  async close(): Promise<void> {
    await Promise.all(this.#all.map((child) => child.close()));
    for (const ends of this.#idle.values()) clearTimeout(ends);
  }
}
