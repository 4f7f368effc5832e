import type { Libpcap } from '../libpcap/binding.ts';
import { readHostClock } from '../libpcap/host_clock.ts';
import type { LiveHandle } from '../libpcap/live_handle.ts';
import { go_on, type RingTask } from '../libpcap/ring_turns.ts';
import { type Fault, fault } from '../model/errors/fault.ts';
import type { StopReason } from '../model/stop_reason.ts';
import { BatchMemories, fill_bytes, memories_max } from './batch_memories.ts';
import { ByteRuns } from './byte_runs.ts';
import type { CaptureControl } from './capture_control.ts';
import type { PartFile } from './part_file.ts';
import { recordsLength } from './records_length.ts';
import { type RecordLimits, RecordSorter, type RecordTime } from './record_sorter.ts';
import { type RingCounts, RingLosses } from './ring_losses.ts';
import type { RunEnd } from './run_end.ts';

/** Progress and file are never older than this while packets come. */
const write_interval_ns = 100e6;
const write_max_bytes = 2 * fill_bytes;
const statistics_interval_ns = 1e9;
/** The longest sleep: an interface that was removed is noticed within it, even if its event was missed. */
const sleep_max_ms = 200;
/** After the filter has closed, a packet that was just passing it may still be on its way into the ring. */
const settle_ns = 2e6;
/** What the kernel has counted and not handed over after so long, many times a block's timeout, is given up. */
const handover_max_ns = 1e9;
/** So much later than it was stamped a packet may come into the ring, behind others: processors that receive at once. */
const disorder_ns = 20e6;
/** Packets from before the arming are out of the ring at the latest so long after it and a block's timeout, once it has run empty. */
const earlier_ns = 200e6;

/** An end that is noticed this much later was noticed in time: what comes until then is not looked at closely. */
const punctual_ns = 20e6;
/** So many batches are read in one turn, where the thread has other rings. */
const batches_of_turn = 32;
/** The clock that stamps packets is moved by no more than this within a second, unless it is set. */
const clock_step_ns = 50_000_000n;

/** What a run needs. Everything is open and armed; the caller closes it. */
export interface CaptureRunOptions {
  readonly handle: LiveHandle;
  readonly file: PartFile;
  readonly control: CaptureControl;
  readonly limits: RecordLimits;
  readonly snaplen_bytes: number;
  /** Memories of 1 MiB at most that it reads into, 2 to 8; 8 by default. */
  readonly memories?: number;
  readonly block_timeout_ms: number;
  /** The monotonic clock, in nanoseconds. */
  readonly now: () => number;
  /** Asked for each second: puts another filter before the ring, where this one is out of date. Throws nothing. */
  readonly refilter?: () => void;
  /** The library to read with; the system's by default. */
  readonly native?: Libpcap;
}

/**
 * Captures one interface into one file until a limit, the clock, a command or a failure ends it. It shares its thread with other
 * runs: commands come through the control, and who gives one wakes the thread.
 */
export class CaptureRun {
  readonly #options: CaptureRunOptions;
  readonly #sorter: RecordSorter;
  readonly #memories: BatchMemories;
  readonly #runs = new ByteRuns();
  /** Where nothing came for so long, nothing that belongs before what waits is still in a block. */
  readonly #hold_ns: number;
  #error: Fault | undefined;
  /** Packets that libpcap has handed over, and of these the ones that were lost on the way into the file. */
  #read = 0;
  #unread = 0;
  /** Bytes that came since the last write. */
  #gathered_bytes = 0;
  #lastArrival = 0;
  #lastWrite = 0;
  #nextStatistics = 0;
  #nextLook = 0;
  #gone = false;
  readonly #losses = new RingLosses();
  /** How many packets were read when the first was there that is behind the end. */
  #endedRead: number | undefined;
  /** The clock that stamps packets less the monotonic one, at the last look. */
  #clockOffset = 0n;
  /** When the latest step began. */
  #stepped = Number.NEGATIVE_INFINITY;
  /** When to stop looking for packets from before the arming. */
  #earlierUntil = Number.NEGATIVE_INFINITY;
  #first: RecordTime | undefined;
  #last: RecordTime | undefined;

  constructor(options: CaptureRunOptions) {
    this.#options = options;
    this.#hold_ns = options.block_timeout_ms * 1e6 + disorder_ns;
    const { handle, limits, snaplen_bytes, memories = memories_max, native } = options;
    this.#sorter = new RecordSorter({ limits, nanosecond: handle.nanosecond, memories_max: memories });
    this.#memories = new BatchMemories(handle, snaplen_bytes, this.#sorter.waitingIn, native);
  }

  /** What the file must begin with. */
  get fileHeader(): Uint8Array {
    return this.#memories.fileHeader;
  }

  /** What is stamped before this moment, just now, is left to the samples: see `RecordSorter.leaveOutBefore`. */
  leaveOutBefore(time: RecordTime): void {
    this.#sorter.leaveOutBefore(time);
    this.#earlierUntil = this.#options.now() + this.#hold_ns + earlier_ns;
  }

  /** Captures to the end; rests where nothing comes. */
  *run(): RingTask<RunEnd> {
    this.#clockOffset = readHostClock(this.#options.native).offset;
    for (;;) {
      const next = this.#turn();
      if (next === 'rest') {
        yield { descriptor: this.#options.handle.descriptor, ms: this.#sleep_ms(this.#stepped) };
        // Nothing was read meanwhile, however long that was.
        this.#countLosses();
        this.#lookForInterface(this.#stepped);
      } else if (next === undefined) yield go_on;
      else return yield* this.#finish(next);
    }
  }

  /** One turn's steps. A method of its own: the engine compiles that better than a generator that is begun once for each capture. */
  #turn(): StopReason | 'rest' | undefined {
    for (let step = 0; step < batches_of_turn; step += 1) {
      this.#stepped = this.#options.now();
      const next = this.#step(this.#stepped);
      if (next !== undefined) return next;
    }
    return undefined;
  }

  /** Gives the memory back; to be called whether it ran or not. */
  close(): void {
    this.#memories.close();
  }

  /** Reads a batch, or writes; says why the capture ends, once it does, or that there is nothing to do. */
  #step(now: number): StopReason | 'rest' | undefined {
    const { control, file } = this.#options;
    if (file.fault !== undefined) return fileReason(file.fault);
    if (this.#sorter.full) return this.#sorter.fullOf;
    if (control.command !== undefined) return control.command;
    if (now >= control.deadline_ns) return 'time_limit';
    if (now >= this.#nextStatistics) this.#publishKernel(now);
    const count = this.#readBatch(now);
    if (this.#error !== undefined) return 'error';
    if (count > 0) {
      if (this.#gathered_bytes >= fill_bytes || now - this.#lastWrite >= write_interval_ns) {
        this.#write(now, this.#sorter.newest - disorder_ns, write_max_bytes);
      }
      return undefined;
    }
    if (now > this.#earlierUntil) this.#sorter.keepAll();
    if (this.#gone) return 'interface_removed';
    const held = this.#sorter.waiting > 0 && now - this.#lastArrival >= this.#hold_ns;
    if (held) this.#write(now, Number.POSITIVE_INFINITY);
    else if (this.#gathered_bytes > 0 && now - this.#lastWrite >= write_interval_ns) {
      this.#write(now, this.#sorter.newest - disorder_ns);
    } else return 'rest';
    this.#lookForInterface(now);
    return undefined;
  }

  /** Was it removed? Then one more round is read, for what came before. */
  #lookForInterface(now: number): void {
    if (now < this.#nextLook) return;
    this.#gone = this.#options.handle.gone();
    this.#nextLook = now + sleep_max_ms * 1e6;
  }

  #sleep_ms(now: number): number {
    let until = this.#nextStatistics;
    if (this.#sorter.waiting > 0) until = Math.min(until, this.#lastArrival + this.#hold_ns);
    if (this.#gathered_bytes > 0) until = Math.min(until, this.#lastWrite + write_interval_ns);
    // Sleep is counted in whole milliseconds, and the end by the clock must not be late by one: its last is not slept through.
    const until_end_ms = Math.floor((this.#options.control.deadline_ns - now) / 1e6);
    return Math.max(0, Math.min(sleep_max_ms, Math.ceil((until - now) / 1e6), until_end_ms));
  }

  /** Moves a batch from the ring into the sorter. Returns the number of packets. */
  #readBatch(now: number): number {
    const memories = this.#memories;
    if (!memories.advance()) this.#makeRoom(now);
    const memory = memories.current;
    const start = memory.length;
    const count = memory.append();
    if (count === 0) return 0;
    if (count < 0) return this.#readFailed(count, memory.length - start);
    this.#read += count;
    this.#lastArrival = now;
    if (!this.#sorter.add(memories.filling, memory.view, start, memory.length, count)) {
      this.#unread += count;
      this.#inconsistent(memory.length - start, recordsLength(memory.view, start, count));
      return 0;
    }
    this.#gathered_bytes += memory.length - start;
    this.#noteEnd();
    return count;
  }

  /** All memory waits to be written: the oldest goes out before its time. */
  #makeRoom(now: number): void {
    do this.#write(now, Number.POSITIVE_INFINITY, fill_bytes);
    while (!this.#memories.advance());
  }

  #readFailed(result: number, got_bytes: number): number {
    const { handle } = this.#options;
    if (result === -2) this.#inconsistent(got_bytes, 0);
    else if (handle.gone()) this.#gone = true;
    // What libpcap says of an interface that is down under another name than it was opened by.
    else if (!handle.error.includes('disappeared')) {
      this.#error = fault('capture_read_failed', { interface: handle.interface.name, reason: handle.error });
    }
    return 0;
  }

  #inconsistent(got_bytes: number, expected_bytes: number): void {
    const { name } = this.#options.handle.interface;
    this.#error = fault('batch_inconsistent', { interface: name, got_bytes, expected_bytes });
  }

  /** Writes the records with times up to `until`, in order, until it has written enough: the ring must not wait for long. */
  #write(now: number, until: number, enough_bytes: number = Number.POSITIVE_INFINITY): void {
    const sorter = this.#sorter;
    const { file, control } = this.#options;
    const before = { packets: sorter.taken, bytes: sorter.taken_bytes, written: file.packets };
    this.#runs.clear();
    sorter.take(until, this.#runs, enough_bytes);
    const packets = sorter.taken - before.packets;
    file.append(this.#runs, this.#memories, { packets, bytes: sorter.taken_bytes - before.bytes });
    const written = Number(file.packets - before.written);
    this.#unread += packets - written;
    if (written > 0) this.#first = sorter.first;
    if (written > 0) this.#last = written === packets ? sorter.last : undefined;
    this.#memories.reclaim();
    this.#gathered_bytes = 0;
    this.#lastWrite = now;
    control.publishWritten(file.packets, file.bytes, file.length);
  }

  #countLosses(): RingCounts {
    const counts = this.#options.handle.statistics();
    this.#losses.count(counts, this.#read, this.#options.now());
    return counts;
  }

  #publishKernel(now: number): void {
    this.#options.refilter?.();
    const { accepted, dropped } = this.#countLosses();
    this.#losses.goesOn(this.#read);
    this.#clockOffset = readHostClock(this.#options.native).offset;
    this.#options.control.publishKernel(accepted, dropped);
    this.#nextStatistics = now + statistics_interval_ns;
  }

  /** Closes the filter, reads what is in the ring, and writes all that belongs into the file. */
  *#finish(cause: StopReason): RingTask<RunEnd> {
    const { file, handle, control } = this.#options;
    const sorter = this.#sorter;
    handle.rejectAll();
    // Whoever is kept from closing it is late too.
    if (cause === 'time_limit') this.#leaveOutLate();
    this.#noteEnd();
    this.#countLosses();
    yield* this.#drain();
    this.#write(this.#options.now(), Number.POSITIVE_INFINITY);
    const { accepted } = this.#countLosses();
    const ended_ns = cause === 'time_limit' ? control.deadline_ns + punctual_ns : Number.POSITIVE_INFINITY;
    const { dropped, beyond, bound } = this.#losses.settle(this.#endedRead, ended_ns);
    control.publishKernel(accepted, dropped);
    const notes: string[] = [];
    const stop_reason = this.#reason(cause);
    if (stop_reason === 'interface_removed') {
      this.#error = fault('interface_removed', { interface: handle.interface.name });
    }
    const missing = Number(accepted - dropped - beyond) - this.#read;
    if (missing !== 0) notes.push(`${missing} packets that the kernel counted were not handed over`);
    return {
      stop_reason,
      packets: file.packets,
      bytes: file.bytes,
      accepted,
      dropped,
      ...(bound ? { dropped_is_upper_bound: true } : {}),
      beyond_limit: BigInt(sorter.beyond) + beyond,
      earlier: BigInt(sorter.earlier),
      unread: BigInt(this.#unread + missing),
      unordered: sorter.unordered,
      file_bytes: file.length,
      first: this.#first,
      last: this.#last,
      error: file.fault ?? this.#error,
      notes,
    };
  }

  /**
   * The end by the clock was noticed late, as after a pause of this process: what the ring took in after it was not asked for. Where the clock that
   * stamps packets was set meanwhile, their times do not say which that was, and all are kept.
   */
  #leaveOutLate(): void {
    const { control, now, native } = this.#options;
    if (now() - control.deadline_ns <= punctual_ns) return;
    const { offset } = readHostClock(native);
    const step = offset - this.#clockOffset;
    if (step > clock_step_ns || step < -clock_step_ns) return;
    const end = BigInt(control.deadline_ns) + offset;
    this.#sorter.leaveOutFrom({ seconds: Number(end / 1_000_000_000n), nanos: Number(end % 1_000_000_000n) });
  }

  /** Notes the first moment at which what was read reaches behind the end. */
  #noteEnd(): void {
    if (this.#sorter.full || this.#sorter.isPast) this.#endedRead ??= this.#read;
  }

  #reason(cause: StopReason): StopReason {
    if (this.#options.file.fault !== undefined) return fileReason(this.#options.file.fault);
    if (this.#error !== undefined) return 'error';
    return this.#sorter.full ? this.#sorter.fullOf : cause;
  }

  /** Reads until every packet that the kernel has counted is there, or nothing more comes. */
  *#drain(): RingTask<void> {
    const { now, handle } = this.#options;
    const closed = now();
    let idleSince = closed;
    for (let steps = 1; ; steps += 1) {
      const at = now();
      // After a failure packets are only counted.
      const count =
        this.#error === undefined && this.#options.file.fault === undefined ? this.#readBatch(at) : this.#skipBatch();
      if (count > 0) {
        idleSince = at;
        if (this.#gathered_bytes >= fill_bytes) this.#write(at, this.#sorter.newest - disorder_ns);
        if (steps % batches_of_turn === 0) yield go_on;
        continue;
      }
      if (at - closed >= settle_ns) {
        const { accepted, dropped } = handle.statistics();
        if (Number(accepted - dropped) <= this.#read) return;
        if (at - idleSince >= handover_max_ns) return;
      }
      yield { descriptor: handle.descriptor, ms: settle_ns / 1e6 };
    }
  }

  /** Takes a batch out of the ring and counts it as lost. */
  #skipBatch(): number {
    if (this.#sorter.waiting > 0) this.#write(this.#options.now(), Number.POSITIVE_INFINITY);
    this.#memories.current.rewind();
    const count = Math.max(0, this.#memories.current.append());
    this.#read += count;
    this.#unread += count;
    return count;
  }
}

function fileReason(of: Fault): StopReason {
  return of.name === 'spool_full' || of.name === 'spool_share_full' ? 'spool_full' : 'error';
}
