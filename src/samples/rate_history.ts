import type { TimeNs } from '../model/time.ts';

/** From a moment on 1 in `rate` packets is kept; 0 is not known. */
export interface RateChange {
  readonly since: TimeNs;
  readonly rate: number;
}

/** The rates that packets may still come of: a packet is written a while after the kernel has chosen it. */
export class RateHistory {
  #first: number;
  readonly #changes: RateChange[] = [];

  constructor(rate: number) {
    this.#first = rate;
  }

  /** The rate in force now. */
  get rate(): number {
    return this.#changes.at(-1)?.rate ?? this.#first;
  }

  /** A change that is later than all before. */
  add(change: RateChange): void {
    this.#changes.push(change);
  }

  /** Forgets what was before `time`: gives the rate that holds right after it, and all changes that come later. */
  after(time: TimeNs): { readonly rate: number; readonly changes: readonly RateChange[] } {
    const later = this.#changes.findIndex(({ since }) => since > time);
    for (const { rate } of this.#changes.splice(0, later === -1 ? this.#changes.length : later)) this.#first = rate;
    return { rate: this.#first, changes: [...this.#changes] };
  }

  /** The clock was set: when it was that the rate changed says nothing any more. */
  clockSet(): void {
    this.#first = this.rate;
    this.#changes.length = 0;
  }
}
