/** Counts what each owner does within a minute, by a clock in milliseconds that never goes back. */
export class MinuteRate {
  readonly #limit: number;
  /** When each was let through, oldest first; owners in the order of their latest. */
  readonly #let = new Map<string, number[]>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** May this owner do it once more at this moment? Counts it, if so. */
  take(owner: string, now_ms: number): boolean {
    this.#forget(now_ms);
    const times = (this.#let.get(owner) ?? []).filter((at) => at > now_ms - minute_ms);
    const may = times.length < this.#limit;
    if (may) times.push(now_ms);
    this.#let.delete(owner);
    this.#let.set(owner, times);
    return may;
  }

  /** How often the owner did it that did it most. */
  most(now_ms: number): number {
    this.#forget(now_ms);
    const counts = [...this.#let.values()].map((times) => times.filter((at) => at > now_ms - minute_ms).length);
    return counts.reduce((most, count) => Math.max(most, count), 0);
  }

  #forget(now_ms: number): void {
    for (const [owner, times] of this.#let) {
      if ((times.at(-1) ?? Number.NEGATIVE_INFINITY) > now_ms - minute_ms) return;
      this.#let.delete(owner);
    }
  }
}

const minute_ms = 60_000;
