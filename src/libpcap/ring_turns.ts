import type { Waiter } from './waiter.ts';

/** What a task waits for: a packet on a socket (-1: none), or until so much time is over. Who gets its turn earlier looks again. */
export interface Rest {
  readonly descriptor: number;
  /** 0: nothing is waited for, others get a turn. */
  readonly ms: number;
}

/** Work on a ring that gives others their turn wherever it would sleep. */
export type RingTask<Result> = Generator<Rest, Result, undefined>;

/** Nothing is waited for: it is the turn of others, if there are any. */
export const go_on: Rest = { descriptor: -1, ms: 0 };

interface Turn {
  readonly task: RingTask<void>;
  readonly failed: (error: unknown) => void;
  descriptor: number;
  due_ns: number;
}

/** While somebody has always something to do, the others' sockets are looked at as often as this; where there are no others, for messages. */
const look_interval_ns = 1e6;
const look_alone_interval_ns = 10e6;

/**
 * Lets many tasks share a thread, each with a ring of its own: who has packets or whose time has come gets a turn, one after the other,
 * and where nobody has, one poll waits for all.
 */
export class RingTurns {
  readonly #waiter: Pick<Waiter, 'waitAny' | 'isReady'>;
  /** The monotonic clock, in nanoseconds. */
  readonly #now: () => number;
  #turns: Turn[] = [];
  #looked_at = Number.NEGATIVE_INFINITY;

  constructor(waiter: Pick<Waiter, 'waitAny' | 'isReady'>, now: () => number) {
    this.#waiter = waiter;
    this.#now = now;
  }

  /** Tasks that have not ended. */
  get count(): number {
    return this.#turns.length;
  }

  /** Takes a task, which gets its first turn with the next round. `failed` hears what it throws; the others go on. */
  add(task: RingTask<void>, failed: (error: unknown) => void): void {
    this.#turns.push({ task, failed, descriptor: -1, due_ns: Number.NEGATIVE_INFINITY });
  }

  /** Sleeps until there is something to do, and gives turns. True where somebody woke the thread: there may be messages. */
  round(): boolean {
    let now = this.#now();
    let next = Number.POSITIVE_INFINITY;
    for (const { due_ns } of this.#turns) if (due_ns < next) next = due_ns;
    const interval_ns = this.#turns.length === 1 ? look_alone_interval_ns : look_interval_ns;
    const looks = next > now || now - this.#looked_at >= interval_ns;
    let woken = false;
    if (looks) {
      const ms = next === Number.POSITIVE_INFINITY ? -1 : Math.max(0, Math.ceil((next - now) / 1e6));
      woken = this.#waiter.waitAny(
        this.#turns.map((turn) => turn.descriptor),
        ms,
      );
      now = this.#now();
      this.#looked_at = now;
    }
    let ended = false;
    const turns = this.#turns;
    for (let index = 0; index < turns.length; index += 1) {
      const turn = turns[index];
      if (turn === undefined) continue;
      const isDue = woken || turn.due_ns <= now || (looks && turn.descriptor >= 0 && this.#waiter.isReady(index));
      if (isDue && !this.#give(turn)) ended = true;
    }
    if (ended) this.#turns = this.#turns.filter((turn) => turn.due_ns !== Number.POSITIVE_INFINITY);
    return woken;
  }

  /** Ends all tasks where they are: each gives back what it has. */
  close(): void {
    for (const { task, failed } of this.#turns.splice(0)) {
      try {
        task.return();
      } catch (error) {
        failed(error);
      }
    }
  }

  /** False where that was its last one. */
  #give(turn: Turn): boolean {
    try {
      const { done, value } = turn.task.next();
      if (done !== true) {
        turn.descriptor = value.descriptor;
        turn.due_ns = value.ms === 0 ? Number.NEGATIVE_INFINITY : this.#now() + value.ms * 1e6;
        return true;
      }
    } catch (error) {
      turn.failed(error);
    }
    turn.descriptor = -1;
    turn.due_ns = Number.POSITIVE_INFINITY;
    return false;
  }
}

/** Runs a task to its end in a thread that has nothing else to do. */
export function runAlone<Result>(task: RingTask<Result>, waiter: Pick<Waiter, 'wait'>): Result {
  for (;;) {
    const { done, value } = task.next();
    if (done === true) return value;
    if (value.ms > 0) waiter.wait(value.descriptor, value.ms);
  }
}
