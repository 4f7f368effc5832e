/** What is to be done with a line of the log: written or not, and how many like it were left out before. */
export interface LineVerdict {
  readonly write: boolean;
  readonly left_out: number;
}

const window_ms = 10_000;
const kinds_max = 1000;

/** Bounds how many lines of a kind are written: so many in 10 s, and what is left out is counted for the first one after that. */
export class LineRate {
  readonly #most: number;
  readonly #now_ms: () => number;
  readonly #kinds = new Map<string, { began_ms: number; written: number; left_out: number }>();

  constructor(most: number, now_ms: () => number = () => performance.now()) {
    this.#most = most;
    this.#now_ms = now_ms;
  }

  /** Counts a line of this kind. */
  take(kind: string): LineVerdict {
    const now = this.#now_ms();
    const known = this.#kinds.get(kind) ?? { began_ms: now, written: 0, left_out: 0 };
    if (this.#kinds.size >= kinds_max && !this.#kinds.has(kind)) this.#kinds.clear();
    this.#kinds.set(kind, known);
    const isOver = now - known.began_ms >= window_ms;
    const left_out = isOver ? known.left_out : 0;
    if (isOver) Object.assign(known, { began_ms: now, written: 0, left_out: 0 });
    const write = known.written < this.#most;
    if (write) known.written += 1;
    else known.left_out += 1;
    return { write, left_out };
  }
}
