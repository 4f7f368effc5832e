import type { TimeNs } from '../model/time.ts';

const clock_step_ns = 500_000_000n;

/** How far a sampler has got: every packet up to `time` is where it can be found. Runs forward, but follows a clock that is set. */
export class Watermark {
  #time: TimeNs;
  #difference: bigint;

  /** Begins at `time`; `now` and `monotonic` are the two clocks at one moment. */
  constructor(time: TimeNs, now: TimeNs, monotonic: bigint) {
    this.#time = time;
    this.#difference = now - monotonic;
  }

  get time(): TimeNs {
    return this.#time;
  }

  /** It has got so far at least. */
  reach(time: TimeNs): void {
    if (time > this.#time) this.#time = time;
  }

  /**
   * Was the wall clock set by more than half a second since the last question? Then the watermark goes on from `time`,
   * forwards or backwards.
   */
  stepped(now: TimeNs, monotonic: bigint, time: TimeNs): boolean {
    const moved = now - monotonic - this.#difference;
    this.#difference = now - monotonic;
    if (moved < clock_step_ns && moved > -clock_step_ns) return false;
    this.#time = time;
    return true;
  }
}
