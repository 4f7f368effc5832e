import { type ReplayFrom, openFrameSender } from '../../test/support/replay_frames.ts';
import { numberedFrame } from './test_frames.ts';

/** What a sender that was held up makes up for. */
const late_most_ms = 5;

/** Sends numbered frames, each number once, as many per second as are asked for, or fewer where the machine is busy. */
export class NumberedLoad {
  readonly #sender: ReturnType<typeof openFrameSender>;
  readonly #timer: NodeJS.Timeout;
  #pps = 0;
  #due = 0;
  #sent = 0;
  #at = performance.now();

  constructor(from: ReplayFrom) {
    this.#sender = openFrameSender(from);
    this.#timer = setInterval(() => this.#send(), 1);
  }

  /** From now on so many packets per second. */
  set pps(pps: number) {
    this.#pps = pps;
    this.#at = performance.now();
    this.#due = 0;
  }

  /** Frames sent so far: their numbers are those below. */
  get sent(): number {
    return this.#sent;
  }

  #send(): void {
    const now = performance.now();
    this.#due += (Math.min(now - this.#at, late_most_ms) * this.#pps) / 1000;
    this.#at = now;
    const count = Math.floor(this.#due);
    this.#due -= count;
    if (count > 0) this.#sender.send(Array.from({ length: count }, () => numberedFrame(this.#sent++)));
  }

  close(): void {
    clearInterval(this.#timer);
    this.#sender.close();
  }
}
