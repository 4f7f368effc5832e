/** Lets one holder in at a time, in the order of asking. */
export class Mutex {
  #tail: Promise<void> = Promise.resolve();
  /** Who has it, and who waits for it. */
  #count = 0;

  /** Has nobody it, and does nobody wait? Then what runs without a pause needs no turn. */
  get free(): boolean {
    return this.#count === 0;
  }

  /** Waits for its turn; call what it returns exactly once to let the next one in. */
  async acquire(): Promise<() => void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const turn = this.#tail;
    this.#tail = promise;
    this.#count += 1;
    await turn;
    return () => {
      this.#count -= 1;
      resolve();
    };
  }
}
