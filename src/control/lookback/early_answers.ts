/** Answers that are asked for before it is certain that somebody will want them. */
export class EarlyAnswers<Answer> {
  readonly #limit: number;
  readonly #asked = new Map<
    string,
    { readonly owner: string; readonly answer: Promise<Answer>; readonly giveUp: AbortController }
  >();

  /** At most so many of one owner at one time. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Asks, unless too many of this owner are asked for already. Returns how to give it up; after `take` that does nothing. */
  begin(name: string, owner: string, ask: (signal: AbortSignal) => Promise<Answer>): () => void {
    const of_owner = [...this.#asked.values()].filter((one) => one.owner === owner).length;
    if (of_owner >= this.#limit) return () => undefined;
    const giveUp = new AbortController();
    const answer = ask(giveUp.signal);
    // Whoever takes it sees its failure; until then it is nobody's.
    answer.catch(() => undefined);
    const one = { owner, answer, giveUp };
    this.#asked.set(name, one);
    return () => {
      if (this.#asked.get(name) !== one) return;
      this.#asked.delete(name);
      giveUp.abort();
    };
  }

  /**
   * Waits for an answer and hands it out, once; `signal` gives it up. Undefined where none was asked for, or it failed: whoever then asks
   * anew sees the failure himself.
   */
  async take(name: string, signal: AbortSignal): Promise<Answer | undefined> {
    const one = this.#asked.get(name);
    if (one === undefined) return undefined;
    this.#asked.delete(name);
    const giveUp = (): void => one.giveUp.abort();
    signal.addEventListener('abort', giveUp, { once: true });
    if (signal.aborted) giveUp();
    try {
      return await one.answer.catch(() => undefined);
    } finally {
      signal.removeEventListener('abort', giveUp);
    }
  }

  /** Gives all up that nobody has taken. */
  close(): void {
    for (const { giveUp } of this.#asked.values()) giveUp.abort();
    this.#asked.clear();
  }
}
