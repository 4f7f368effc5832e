/** How many run and wait at one time. */
export interface FairBounds {
  /** All together. */
  readonly total: number;
  /** Of one owner. */
  readonly per_owner: number;
  /** Of one owner, waiting for their turn; none is refused by default. */
  readonly waiting_per_owner?: number;
}

interface Waiter {
  readonly begin: () => void;
}

interface Owner {
  running: number;
  readonly waiting: Waiter[];
}

/**
 * Lets so many run at one time, and of each owner so many. Whoever waits gets a turn in round-robin order over the owners: one that
 * asks a thousand times holds up another by one turn and not by a thousand. Within an owner the order is that of asking.
 */
export class FairTurns {
  readonly #bounds: FairBounds;
  /** Those with anything running or waiting; of those that wait, the first in it is the next to get a turn. */
  readonly #owners = new Map<string, Owner>();
  #running = 0;

  constructor(bounds: FairBounds) {
    this.#bounds = bounds;
  }

  /** How many run. */
  get running(): number {
    return this.#running;
  }

  /** How many run, of the owner that has most. */
  get most_running(): number {
    return Math.max(0, ...[...this.#owners.values()].map(({ running }) => running));
  }

  /** How many wait, of the owner that has most. */
  get most_waiting(): number {
    return Math.max(0, ...[...this.#owners.values()].map(({ waiting }) => waiting.length));
  }

  /** Would one more of this owner be refused? */
  isFull(owner: string): boolean {
    const { waiting_per_owner = Number.POSITIVE_INFINITY } = this.#bounds;
    const known = this.#owners.get(owner);
    if (known === undefined || known.waiting.length < waiting_per_owner) return false;
    return !this.#mayBegin(known) || known.waiting.length > 0;
  }

  /**
   * Runs it when its turn has come, and gives what it gives.
   *
   * @param refuse what is thrown where too many of this owner wait already
   * @param signal gives its place up while it waits: the reason is thrown
   */
  async take<T>(owner: string, run: () => Promise<T>, refuse: () => never, signal?: AbortSignal): Promise<T> {
    if (this.isFull(owner)) refuse();
    signal?.throwIfAborted();
    const of = this.#owners.get(owner) ?? { running: 0, waiting: [] };
    this.#owners.set(owner, of);
    if (of.waiting.length === 0 && this.#mayBegin(of)) this.#begin(owner, of);
    else {
      if (of.waiting.length === 0) this.#toTheEnd(owner, of);
      await this.#wait(of, () => this.#forget(owner, of), signal);
    }
    try {
      return await run();
    } finally {
      this.#running -= 1;
      of.running -= 1;
      this.#forget(owner, of);
      this.#next();
    }
  }

  #mayBegin(of: Owner): boolean {
    return this.#running < this.#bounds.total && of.running < this.#bounds.per_owner;
  }

  #begin(owner: string, of: Owner): void {
    this.#running += 1;
    of.running += 1;
    this.#toTheEnd(owner, of);
  }

  /** Of those that wait it is now the last one's turn. */
  #toTheEnd(owner: string, of: Owner): void {
    this.#owners.delete(owner);
    this.#owners.set(owner, of);
  }

  async #wait(of: Owner, left: () => void, signal: AbortSignal | undefined): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const give_up = (): void => {
        of.waiting.splice(of.waiting.indexOf(waiter), 1);
        left();
        reject(signal?.reason as Error);
      };
      const waiter: Waiter = {
        begin: () => {
          signal?.removeEventListener('abort', give_up);
          resolve();
        },
      };
      of.waiting.push(waiter);
      signal?.addEventListener('abort', give_up, { once: true });
    });
  }

  /** Gives free turns to whoever is next. */
  #next(): void {
    for (const [owner, of] of this.#owners) {
      if (this.#running >= this.#bounds.total) return;
      if (of.waiting.length === 0 || !this.#mayBegin(of)) continue;
      this.#begin(owner, of);
      of.waiting.shift()?.begin();
    }
  }

  #forget(owner: string, of: Owner): void {
    if (of.running === 0 && of.waiting.length === 0 && this.#owners.get(owner) === of) this.#owners.delete(owner);
  }
}
