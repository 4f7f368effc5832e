import type { TimeNs } from '../model/time.ts';
import { recordHeaderBytes } from '../pcap/pcap_record.ts';
import type { LossSpan } from './segment_cover.ts';

/** So much later than it was stamped a packet may come into the ring, behind others: processors that receive at once. */
const disorder_ns = 2_000_000n;

/** What the kernel has counted for one opening of an interface, since it began. */
export interface RingCount {
  /** Packets that it has put into the ring. */
  readonly entered: bigint;
  /** Packets that found the ring full. */
  readonly dropped: bigint;
}

/** A loss whose last packet before it is still in the ring. */
interface WaitingLoss extends LossSpan {
  /** It came after so many packets had entered the ring. */
  readonly after: bigint;
}

/**
 * Tells when packets were lost that found the ring full, of one opening of an interface. The kernel says how many, not when.
 *
 * A ring that drops is full: it holds as many packets as it has places. While nobody reads, all that are in it had entered before the
 * first was dropped; and where some were read between two counts, all but as many as those. So a loss lies between the last of these, once
 * that has been read, and the moment at which it was counted.
 */
export class LossTracker {
  #read = 0n;
  /** Of these, the ones that were read before the last count. */
  #read_before = 0n;
  #dropped = 0n;
  #counted_at: TimeNs;
  #waiting: WaitingLoss[] = [];
  #known: LossSpan[] = [];

  /** Nothing was lost before `begun`. */
  constructor(begun: TimeNs) {
    this.#counted_at = begun;
  }

  /** The kernel's counts; `now` was read after them, by the clock that stamps packets. */
  count({ entered, dropped }: RingCount, now: TimeNs): void {
    const packets = dropped - this.#dropped;
    if (packets > 0n) {
      const [from, to] = now > this.#counted_at ? [this.#counted_at, now] : [now, this.#counted_at];
      const after = entered - (this.#read - this.#read_before);
      const loss = { from: from - disorder_ns, to, packets };
      if (after > this.#read) this.#waiting.push({ ...loss, after });
      else this.#known.push(loss);
    }
    this.#dropped = dropped;
    this.#counted_at = now;
    this.#read_before = this.#read;
  }

  /** `records` packets were read: pcap records of nanoseconds, at the beginning of `view`. */
  read(view: DataView, records: number): void {
    const before = this.#read;
    this.#read += BigInt(records);
    let [at, record] = [0, 1];
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      const wanted = Number(next.after - before);
      if (wanted > records) return;
      for (; record < wanted; record += 1) at += recordHeaderBytes + view.getUint32(at + 8, true);
      this.#settle(BigInt(view.getUint32(at, true)) * 1_000_000_000n + BigInt(view.getUint32(at + 4, true)));
    }
  }

  /** The losses whose time is known by now, each once. */
  take(): readonly LossSpan[] {
    return this.#known.splice(0);
  }

  /** The last time that one is asked: all losses, as well as their times are known. */
  takeAll(): readonly LossSpan[] {
    for (const { from, to, packets } of this.#waiting.splice(0)) this.#known.push({ from, to, packets });
    return this.take();
  }

  #settle(time: TimeNs): void {
    const loss = this.#waiting.shift();
    if (loss === undefined) return;
    const { from, to, packets } = loss;
    const since = time - disorder_ns;
    this.#known.push({ from: since > from && since < to ? since : from, to, packets });
  }
}
