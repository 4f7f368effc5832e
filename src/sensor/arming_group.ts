import type { Clock } from './clock.ts';

/** One part among those that a sensor begins together. */
export interface ArmingPlace {
  /** Nobody else has a place. */
  readonly alone: boolean;
  /** The part has all that it needs and could arm at once. Resolves when it is to: see `ArmingGroup`. */
  ready(): Promise<void>;
  /** The part will not arm. Nothing where it was ready or has left. */
  leave(): void;
}

/** A part that is not ready after so long is waited for no more: a disk or an interface that hangs keeps back only itself. */
const patience_ms = 5000;

/**
 * The parts of one capture that a sensor begins at one time. Each of them has a place from the beginning; they arm together, once all that have not left are
 * ready, or 5 s after the first was.
 */
export class ArmingGroup {
  readonly #clock: Pick<Clock, 'sleep'>;
  #places = 0;
  /** Parts that are neither ready nor gone. */
  #awaited = 0;
  readonly #together = new AbortController();
  #patience: Promise<void> | undefined;

  constructor(clock: Pick<Clock, 'sleep'>) {
    this.#clock = clock;
  }

  /** The place of one more part. */
  join(): ArmingPlace {
    let isAwaited = true;
    this.#places += 1;
    this.#awaited += 1;
    const leave = (): void => {
      if (!isAwaited) return;
      isAwaited = false;
      this.#awaited -= 1;
      if (this.#awaited === 0) this.#together.abort();
    };
    const isAlone = (): boolean => this.#places === 1;
    return {
      get alone() {
        return isAlone();
      },
      leave,
      ready: async () => {
        leave();
        await this.#turn();
      },
    };
  }

  async #turn(): Promise<void> {
    const { signal } = this.#together;
    if (signal.aborted) return;
    this.#patience ??= this.#clock.sleep(patience_ms, signal).then(() => this.#together.abort());
    await this.#patience;
  }
}
