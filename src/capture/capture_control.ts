import { type StopReason, stopReasons } from '../model/stop_reason.ts';

const words = {
  deadline: 0,
  packets: 1,
  bytes: 2,
  file_bytes: 3,
  accepted: 4,
  dropped: 5,
  command: 6,
  /** Odd while packets, bytes and length are being written. */
  sequence: 7,
} as const;
/** The writer needs nanoseconds: who still finds it at work has looked at a thread that is not running. */
const looks_max = 1000;

/** How far a capture has come. Totals since it was armed. */
export interface CaptureProgress {
  /** Packets in the file. */
  readonly packets: bigint;
  /** Their captured bytes. */
  readonly bytes: bigint;
  /** Packets that the kernel's ring had no room for. */
  readonly dropped: bigint;
  /** Length of the file: whole records, written; what is below never changes. */
  readonly file_bytes: number;
}

/**
 * What a capture worker and the thread that commands it share: a worker that captures sees no messages. Commands take effect
 * when the worker is woken.
 */
export class CaptureControl {
  readonly shared: SharedArrayBuffer;
  readonly #words: BigInt64Array;

  constructor(shared: SharedArrayBuffer = new SharedArrayBuffer(8 * Object.keys(words).length)) {
    this.shared = shared;
    this.#words = new BigInt64Array(shared);
  }

  /** When the clock ends the capture: nanoseconds of the monotonic clock. */
  get deadline_ns(): number {
    return Number(Atomics.load(this.#words, words.deadline));
  }

  set deadline_ns(value: number) {
    Atomics.store(this.#words, words.deadline, BigInt(Math.floor(value)));
  }

  /** Why the capture was told to end; the first command stays. */
  get command(): StopReason | undefined {
    return stopReasons[Number(Atomics.load(this.#words, words.command)) - 1];
  }

  stop(reason: StopReason): void {
    Atomics.compareExchange(this.#words, words.command, 0n, BigInt(stopReasons.indexOf(reason) + 1));
  }

  /** After write(2) has returned. */
  publishWritten(packets: bigint, bytes: bigint, file_bytes: number): void {
    Atomics.add(this.#words, words.sequence, 1n);
    Atomics.store(this.#words, words.packets, packets);
    Atomics.store(this.#words, words.bytes, bytes);
    Atomics.store(this.#words, words.file_bytes, BigInt(file_bytes));
    Atomics.add(this.#words, words.sequence, 1n);
  }

  publishKernel(accepted: bigint, dropped: bigint): void {
    Atomics.store(this.#words, words.accepted, accepted);
    Atomics.store(this.#words, words.dropped, dropped);
  }

  get progress(): CaptureProgress {
    const [file_bytes, packets, bytes, dropped] = [
      Atomics.load(this.#words, words.file_bytes),
      Atomics.load(this.#words, words.packets),
      Atomics.load(this.#words, words.bytes),
      Atomics.load(this.#words, words.dropped),
    ];
    return { packets, bytes, dropped, file_bytes: Number(file_bytes) };
  }

  /** As `progress`, its counts those of exactly so long a file; undefined where the writer was stopped amid writing them. */
  get exactProgress(): CaptureProgress | undefined {
    for (let looks = 0; looks < looks_max; looks += 1) {
      const before = Atomics.load(this.#words, words.sequence);
      const { progress } = this;
      if (before % 2n === 0n && Atomics.load(this.#words, words.sequence) === before) return progress;
    }
    return undefined;
  }
}
