import type { ByteRuns } from './byte_runs.ts';
import { recordsLength } from './records_length.ts';

const recordHeaderBytes = 16;
/** Beyond this distance a difference of times is no longer exact to the nanosecond in a double (104 days). */
const exact_max_ns = Number.MAX_SAFE_INTEGER;

/** A packet stamped so long after the moment says that nothing from before it is on its way any more. */
const earlier_late_ns = 100e6;

/** Where a part ends by itself. */
export interface RecordLimits {
  /** Packets at most; Infinity for none. */
  readonly packets: number;
  /** Captured bytes (packet bytes, without record headers) at most; Infinity for none. */
  readonly bytes: number;
}

/** The moment of one record, as the file has it. */
export interface RecordTime {
  readonly seconds: number;
  readonly nanos: number;
}

/**
 * Puts the packets of one ring into the order of their times, and cuts them at the limits.
 *
 * A ring is not quite in order: two processors that receive at once write their packets a little later than they stamp
 * them. So records wait here, sorted stably (equal times keep the order of arrival), until nothing older can be expected; what comes
 * later still goes out of order, and `unordered` says so. Records stay where they lie in memory: this keeps times and places.
 *
 * Limits are exact: of all that comes, the longest time-ordered prefix within both limits is kept; what is certainly not
 * in it is counted in `beyond` and forgotten at once.
 */
export class RecordSorter {
  /** A record went out after a later one. */
  unordered = false;
  /** Records that the limits leave out. */
  beyond = 0;
  /** Records from before the moment of `leaveOutBefore`. */
  earlier = 0;
  /** Records taken out, and their captured bytes. */
  taken = 0;
  taken_bytes = 0;
  /** Time of the newest record that came, as `until` of `take` counts; -Infinity before the first. */
  newest = Number.NEGATIVE_INFINITY;
  /** Records that wait, of each memory. */
  readonly waitingIn: Uint32Array;
  readonly #limits: RecordLimits;
  readonly #fraction_ns: number;
  #times = new Float64Array(4096);
  #memories = new Uint32Array(4096);
  #starts = new Uint32Array(4096);
  #ends = new Uint32Array(4096);
  #head = 0;
  #tail = 0;
  #waiting_bytes = 0;
  /** Seconds that the times count from, so that they are exact in a double. */
  #origin: number | undefined;
  #leastTime: RecordTime | undefined;
  #latestTaken = Number.NEGATIVE_INFINITY;
  #ceiling = Number.POSITIVE_INFINITY;
  #end: RecordTime | undefined;
  #isPast = false;
  #first = Number.POSITIVE_INFINITY;

  constructor(options: {
    readonly limits: RecordLimits;
    /** Times have nanoseconds, not microseconds. */
    readonly nanosecond: boolean;
    /** Memories that records may lie in are numbered from 0 to before this. */
    readonly memories_max: number;
  }) {
    this.#limits = options.limits;
    this.#fraction_ns = options.nanosecond ? 1 : 1000;
    this.waitingIn = new Uint32Array(options.memories_max);
  }

  /** Records that wait. */
  get waiting(): number {
    return this.#tail - this.#head;
  }

  /** Do the records so far fill a limit, so that no later one can be kept? */
  get full(): boolean {
    return (
      this.#ceiling !== Number.POSITIVE_INFINITY ||
      this.taken + this.waiting >= this.#limits.packets ||
      this.taken_bytes + this.#waiting_bytes >= this.#limits.bytes
    );
  }

  /** Which limit `full` is about. */
  get fullOf(): 'packet_limit' | 'byte_limit' {
    return this.taken + this.waiting >= this.#limits.packets ? 'packet_limit' : 'byte_limit';
  }

  /** Time of the earliest record taken, and of the latest; undefined before the first. */
  get first(): RecordTime | undefined {
    return this.#timeOf(this.#first);
  }

  get last(): RecordTime | undefined {
    return this.#timeOf(this.#latestTaken);
  }

  /**
   * Leaves out what is stamped before this moment, uncounted by the limits: it is another's. That holds only for packets that
   * were on their way then, until `keepAll`, or a packet of a while later: a clock that is set back must not leave out what is new.
   */
  leaveOutBefore(time: RecordTime): void {
    this.#leastTime = time;
  }

  /** Leaves out what is stamped at this moment or later, as a limit does: also of what waits here. */
  leaveOutFrom(time: RecordTime): void {
    this.#end = time;
    const end = this.#place(time);
    while (this.waiting > 0 && (this.#times[this.#tail - 1] ?? 0) >= end) this.#dropLast();
  }

  /** Has a record come that `leaveOutFrom` leaves out? */
  get isPast(): boolean {
    return this.#isPast;
  }

  /** Nothing from before the moment of `leaveOutBefore` is on its way any more. */
  keepAll(): void {
    this.#leastTime = undefined;
  }

  /**
   * Takes in `count` records that lie from `start` to before `end` in one memory. False, and nothing taken in, where their
   * lengths do not add up to exactly that.
   */
  add(memory: number, view: DataView, start: number, end: number, count: number): boolean {
    if (start + recordsLength(view, start, count) !== end) return false;
    while (this.#tail + count > this.#times.length) this.#makeRoom();
    this.#origin ??= view.getUint32(start, true);
    const origin = this.#origin;
    const least = this.#leastTime === undefined ? Number.NEGATIVE_INFINITY : this.#place(this.#leastTime);
    const past = this.#end === undefined ? Number.POSITIVE_INFINITY : this.#place(this.#end);
    // Nearly every record is the latest so far: such a one is only put at the end. Fields are read and written once a batch.
    const [times, memories, starts, ends] = [this.#times, this.#memories, this.#starts, this.#ends];
    let newest = this.newest;
    let tail = this.#tail;
    let latest = tail > this.#head ? (times[tail - 1] ?? 0) : Number.NEGATIVE_INFINITY;
    let [appended, appended_bytes] = [0, 0];
    let at = start;
    for (let index = 0; index < count; index += 1) {
      const length = view.getUint32(at + 8, true);
      const next = at + recordHeaderBytes + length;
      const time = (view.getUint32(at, true) - origin) * 1e9 + view.getUint32(at + 4, true) * this.#fraction_ns;
      if (time >= latest && time >= least && time < past && time < this.#ceiling) {
        times[tail] = time;
        memories[tail] = memory;
        starts[tail] = at;
        ends[tail] = next;
        tail += 1;
        appended += 1;
        appended_bytes += length;
        latest = time;
        if (time > newest) newest = time;
      } else if (time < least) this.earlier += 1;
      else if (time >= past) {
        this.beyond += 1;
        this.#isPast = true;
      } else {
        this.#tail = tail;
        this.#insert(time, memory, at, next);
        tail = this.#tail;
        if (time > newest) newest = time;
      }
      at = next;
    }
    this.#tail = tail;
    this.#waiting_bytes += appended_bytes;
    this.waitingIn[memory] = (this.waitingIn[memory] ?? 0) + appended;
    this.newest = newest;
    if (newest > least + earlier_late_ns) this.keepAll();
    if (newest > exact_max_ns) this.unordered = true;
    this.#trim();
    return true;
  }

  /** Moves the records with times up to `until` into `runs`, in order, until these have `enough_bytes`. */
  take(until: number, runs: ByteRuns, enough_bytes: number = Number.POSITIVE_INFINITY): void {
    let head = this.#head;
    const tail = this.#tail;
    const times = this.#times;
    const memories = this.#memories;
    const starts = this.#starts;
    const ends = this.#ends;
    const waitingIn = this.waitingIn;
    const earliest = times[head] ?? 0;
    if (head === tail || earliest > until) return;
    if (earliest < this.#latestTaken || earliest < -exact_max_ns) this.unordered = true;
    if (earliest < this.#first) this.#first = earliest;
    let bytes = 0;
    while (head < tail && bytes < enough_bytes && (times[head] ?? 0) <= until) {
      const memory = memories[head] ?? 0;
      const start = starts[head] ?? 0;
      const end = ends[head] ?? 0;
      runs.add(memory, start, end);
      waitingIn[memory] = (waitingIn[memory] ?? 0) - 1;
      bytes += end - start;
      head += 1;
    }
    const packets = head - this.#head;
    bytes -= packets * recordHeaderBytes;
    this.#latestTaken = Math.max(this.#latestTaken, times[head - 1] ?? 0);
    this.taken += packets;
    this.taken_bytes += bytes;
    this.#waiting_bytes -= bytes;
    this.#head = head;
    if (head === tail) this.#head = this.#tail = 0;
  }

  /** Forgets the records that wait; returns how many they were. */
  discard(): number {
    const count = this.waiting;
    this.#head = this.#tail = 0;
    this.#waiting_bytes = 0;
    this.waitingIn.fill(0);
    return count;
  }

  #insert(time: number, memory: number, start: number, end: number): void {
    // At or after the first record that the limits left out: left out as well.
    if (time >= this.#ceiling) {
      this.beyond += 1;
      return;
    }
    let at = this.#tail;
    if (at > this.#head && time < (this.#times[at - 1] ?? 0)) {
      at = this.#placeOf(time);
      this.#times.copyWithin(at + 1, at, this.#tail);
      this.#memories.copyWithin(at + 1, at, this.#tail);
      this.#starts.copyWithin(at + 1, at, this.#tail);
      this.#ends.copyWithin(at + 1, at, this.#tail);
    }
    this.#times[at] = time;
    this.#memories[at] = memory;
    this.#starts[at] = start;
    this.#ends[at] = end;
    this.#tail += 1;
    this.#waiting_bytes += end - start - recordHeaderBytes;
    this.waitingIn[memory] = (this.waitingIn[memory] ?? 0) + 1;
  }

  /** Index of the first waiting record that is later than `time`. */
  #placeOf(time: number): number {
    let [low, high] = [this.#head, this.#tail];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#times[middle] ?? 0) <= time) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Leaves out, from the latest on, what is above the limits. */
  #trim(): void {
    const packets = this.#limits.packets - this.taken;
    const bytes = this.#limits.bytes - this.taken_bytes;
    while (this.waiting > 0 && (this.waiting > packets || this.#waiting_bytes > bytes)) {
      this.#dropLast();
      this.#ceiling = this.#times[this.#tail] ?? 0;
    }
  }

  #dropLast(): void {
    this.#tail -= 1;
    const memory = this.#memories[this.#tail] ?? 0;
    const length = (this.#ends[this.#tail] ?? 0) - (this.#starts[this.#tail] ?? 0);
    this.#waiting_bytes -= length - recordHeaderBytes;
    this.waitingIn[memory] = (this.waitingIn[memory] ?? 0) - 1;
    this.beyond += 1;
  }

  /** A time as the times of the records are kept; before the first record there is none to compare it with. */
  #place(time: RecordTime): number {
    return this.#origin === undefined ? Number.POSITIVE_INFINITY : (time.seconds - this.#origin) * 1e9 + time.nanos;
  }

  #makeRoom(): void {
    if (this.#head > this.#times.length / 2) {
      for (const column of [this.#times, this.#memories, this.#starts, this.#ends]) {
        column.copyWithin(0, this.#head, this.#tail);
      }
      this.#tail -= this.#head;
      this.#head = 0;
      return;
    }
    const size = 2 * this.#times.length;
    const [times, memories, starts, ends] = [this.#times, this.#memories, this.#starts, this.#ends];
    this.#times = new Float64Array(size);
    this.#times.set(times);
    this.#memories = new Uint32Array(size);
    this.#memories.set(memories);
    this.#starts = new Uint32Array(size);
    this.#starts.set(starts);
    this.#ends = new Uint32Array(size);
    this.#ends.set(ends);
  }

  #timeOf(time: number): RecordTime | undefined {
    if (this.#origin === undefined || !Number.isFinite(time)) return undefined;
    const seconds = Math.floor(time / 1e9);
    return { seconds: this.#origin + seconds, nanos: time - seconds * 1e9 };
  }
}
