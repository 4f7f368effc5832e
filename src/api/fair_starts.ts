/** Who has not been heard for so long needs no time to be left. */
const heard_ms = 1000;
/** For how long work may begin in one turn of the event loop while others wait. */
const slice_ms = 1;
/** So many are looked at in one turn at most. */
const steps_max = 16;

/** What starting fairly takes. */
export interface FairStartOptions {
  /** Milliseconds that never go back. */
  readonly now_ms: () => number;
  /** Calls it in the next turn of the event loop, after what was given to it before. */
  readonly later: (call: () => void) => void;
}

/**
 * Begins work at once while there is little of it, or only one owner. Beyond some of it in one turn of the event loop the rest waits, and begins in the
 * turns that follow, in round-robin order over its owners: one that asks on a hundred connections holds up another by one piece of work, not
 * by a hundred. What each begins goes on by itself.
 */
export class FairStarts {
  readonly #options: FairStartOptions;
  /** By owner, the next one first. */
  readonly #waiting = new Map<string, (() => void)[]>();
  #count = 0;
  /** How many calls of `#step` are to come. */
  #steps = 0;
  #last_owner: string | undefined;
  /** Until then there is more than one owner, as far as is known. */
  #several_until_ms = Number.NEGATIVE_INFINITY;
  /** When the first work of this turn of the event loop began. */
  #since_ms: number | undefined;

  constructor(options: FairStartOptions) {
    this.#options = options;
  }

  /** Begins it now or in its turn. */
  start(owner: string, begin: () => void): void {
    const now_ms = this.#options.now_ms();
    if (owner !== this.#last_owner) {
      this.#last_owner = owner;
      this.#several_until_ms = now_ms + heard_ms;
    }
    if (this.#count === 0 && (now_ms >= this.#several_until_ms || this.#hasTime(now_ms))) {
      begin();
      return;
    }
    const own = this.#waiting.get(owner);
    if (own === undefined) this.#waiting.set(owner, [begin]);
    else own.push(begin);
    this.#count += 1;
    this.#stepLater();
  }

  /** Is there time left in this turn? The clock of a turn begins with its first work. */
  #hasTime(now_ms: number): boolean {
    if (this.#since_ms === undefined) {
      this.#since_ms = now_ms;
      this.#options.later(this.#endTurn);
    }
    return now_ms - this.#since_ms < slice_ms;
  }

  readonly #endTurn = (): void => {
    this.#since_ms = undefined;
  };

  #stepLater(): void {
    if (this.#steps >= Math.min(this.#count, steps_max)) return;
    this.#steps += 1;
    this.#options.later(this.#step);
  }

  readonly #step = (): void => {
    this.#steps -= 1;
    if (!this.#hasTime(this.#options.now_ms())) {
      this.#stepLater();
      return;
    }
    const begin = this.#next();
    this.#stepLater();
    begin?.();
  };

  /** Of the owner whose turn it is, who then comes after all others. */
  #next(): (() => void) | undefined {
    const [next] = this.#waiting;
    if (next === undefined) return undefined;
    const [owner, own] = next;
    const begin = own.shift();
    this.#waiting.delete(owner);
    if (own.length > 0) this.#waiting.set(owner, own);
    this.#count -= 1;
    return begin;
  }
}
