/** What the kernel has counted for a capture, since it began. */
export interface RingCounts {
  /** Packets that passed the filter, with those that were dropped. */
  readonly accepted: bigint;
  /** Of these, the ones that found the ring full. */
  readonly dropped: bigint;
}

/** Packets that were dropped between two counts: after at least `least` and at most `most` packets had entered the ring. */
interface RingLoss {
  readonly least: bigint;
  readonly most: bigint;
  readonly packets: bigint;
  /** When they were counted, by the monotonic clock. */
  readonly counted_ns: number;
}

/** Whose loss the dropped packets were. Together they are all that were dropped. */
export interface SettledLosses {
  /** Lost to the capture; with `bound`, at most so many of them. */
  readonly dropped: bigint;
  readonly bound: boolean;
  /** Came when the capture had reached its end already. */
  readonly beyond: bigint;
}

/**
 * Tells which of the packets that found the ring full belong to a capture, and which came behind its end, before the filter was closed. The kernel says
 * how many were dropped, not when. But a ring that drops is full: where nobody reads between two counts, all that are in it had come before.
 */
export class RingLosses {
  #surely = 0n;
  #open: RingLoss[] = [];
  #entered = 0n;
  #dropped = 0n;
  #read = 0;

  /** The kernel's counts at a moment, and how many packets were taken out of the ring by then. */
  count({ accepted, dropped }: RingCounts, read: number, now_ns: number): void {
    const entered = accepted - dropped;
    const packets = dropped - this.#dropped;
    if (packets > 0n) {
      const least = read === this.#read ? entered : this.#entered;
      this.#open.push({ least, most: entered, packets, counted_ns: now_ns });
    }
    [this.#entered, this.#dropped, this.#read] = [entered, dropped, read];
  }

  /** The capture goes on behind all that was read: what was dropped before that belongs to it. */
  goesOn(read: number): void {
    while (this.#open[0] !== undefined && this.#open[0].most < BigInt(read))
      this.#surely += this.#open.shift()?.packets ?? 0n;
  }

  /**
   * At the end. `ended_read`: the packet of this number, and all after it, are behind the end of the capture; absent where none is. `ended_ns`:
   * what was counted later than this may have come behind it.
   */
  settle(ended_read: number | undefined, ended_ns: number): SettledLosses {
    let [dropped, beyond, bound] = [this.#surely, 0n, false];
    for (const { least, most, packets, counted_ns } of this.#open) {
      if (ended_read !== undefined && least >= BigInt(ended_read)) {
        beyond += packets;
        continue;
      }
      dropped += packets;
      const before = counted_ns <= ended_ns || (ended_read !== undefined && most < BigInt(ended_read));
      if (!before) bound = true;
    }
    return { dropped, beyond, bound };
  }
}
