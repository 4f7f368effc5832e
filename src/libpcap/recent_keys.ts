import { hash } from 'node:crypto';

/** Remembers so many keys, the newest, for so long. Of each it keeps a hash, however long it is. */
export class RecentKeys {
  readonly #most: number;
  readonly #kept_ms: number;
  readonly #monotonic: () => number;
  /** By hash: when it was added. The oldest comes first. */
  readonly #added = new Map<string, number>();

  /** @param monotonic milliseconds */
  constructor(most: number, kept_ms: number, monotonic: () => number) {
    this.#most = most;
    this.#kept_ms = kept_ms;
    this.#monotonic = monotonic;
  }

  /** Was it added, and not too long ago? */
  has(key: string): boolean {
    if (this.#added.size === 0) return false;
    const added = this.#added.get(hash('sha256', key));
    return added !== undefined && this.#monotonic() - added < this.#kept_ms;
  }

  /** Remembers it from now on; the oldest is forgotten where there are too many. */
  add(key: string): void {
    const name = hash('sha256', key);
    this.#added.delete(name);
    this.#added.set(name, this.#monotonic());
    const [oldest] = this.#added.keys();
    if (this.#added.size > this.#most && oldest !== undefined) this.#added.delete(oldest);
  }
}
