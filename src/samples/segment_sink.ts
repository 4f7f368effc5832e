import { fault } from '../model/errors/fault.ts';
import { limits } from '../model/limits.ts';
import type { TimeNs } from '../model/time.ts';
import { RateHistory } from './rate_history.ts';
import type { FromSampler, SegmentOffer } from './sampler_messages.ts';
import type { SamplerState, SamplerTotals } from './sampler_state.ts';
import type { SealReason } from './segment_mark.ts';
import { SegmentWriter } from './segment_writer.ts';
import { type RecordWalk, walkRecords } from './walk_records.ts';

/** What a sink needs of its surroundings. */
export interface SegmentSinkPorts {
  readonly state: SamplerState;
  /** The rate that sampling begins with. */
  readonly rate: number;
  readonly segment_age_ns: bigint;
  monotonic(): bigint;
  send(message: FromSampler): void;
  /** Asks the store for room on the disk and waits for the answer. */
  makeRoom(): boolean;
}

/** A change of the rate that is ready to be made. Times are those of the clock that stamps packets. */
export interface RateSwitch {
  stamp(): TimeNs;
  /** Makes the change: up to `before` packets were kept at the old rate, after `since` they are at the new one. */
  swap(): { readonly before: TimeNs; readonly since: TimeNs };
}

const nothing: SamplerTotals = { packets: 0n, accepted: 0n, dropped: 0n, lost: 0n };

/** Where a sampler's records go: segment after segment out of what the store offers, and the counts of all of them. */
export class SegmentSink {
  readonly #ports: SegmentSinkPorts;
  readonly #rates: RateHistory;
  #totals = nothing;
  /** Totals up to the end of the last finished segment. */
  #finished = nothing;
  #writer: SegmentWriter | undefined;
  #offered: SegmentOffer | undefined;

  constructor(ports: SegmentSinkPorts) {
    this.#ports = ports;
    this.#rates = new RateHistory(ports.rate);
    ports.state.rate = ports.rate;
  }

  /** 1 in this many packets is kept now. */
  get rate(): number {
    return this.#rates.rate;
  }

  /** Is there a segment to write into? */
  get open(): boolean {
    return this.#writer !== undefined;
  }

  /** Keeps an offer for when it is needed. */
  offer(segment: SegmentOffer): void {
    this.#offered = segment;
  }

  /** Gives back what is not needed. */
  decline(offered: SegmentOffer | undefined = this.#offered): void {
    if (offered !== undefined) this.#ports.send({ kind: 'unused', slot: offered.slot });
    if (offered === this.#offered) this.#offered = undefined;
  }

  /** Begins the next segment where one is needed and offered. What it covers begins after `watermark`. */
  begin(watermark: TimeNs): void {
    const offer = this.#offered;
    if (this.#writer !== undefined || offer === undefined) return;
    this.#offered = undefined;
    const { state } = this.#ports;
    const monotonic = this.#ports.monotonic();
    const rates = this.#rates.after(watermark);
    this.#writer = new SegmentWriter(state, { offer, ...rates, watermark, monotonic, before: this.#finished });
    // Before it is said: whoever hears of it may ask at once.
    state.watermark = watermark;
    state.phase = 'sampling';
    this.#ports.send({ kind: 'taken', slot: offer.slot });
    this.#attempt(() => this.#writer?.begin(), watermark);
  }

  /** What the kernel has counted since sampling began. */
  countKernel(accepted: bigint, dropped: bigint): void {
    this.#totals = { ...this.#totals, accepted, dropped };
  }

  /**
   * Changes the rate; only while `open`. The segment says so before, and when it was after, so that whatever ends this in between
   * leaves no packet with a wrong rate. False where the disk is too full to say it: then nothing has changed.
   * Throws what the change throws; then nothing has changed either.
   */
  changeRate(rate: number, watermark: TimeNs, change: RateSwitch): boolean {
    const writer = this.#writer;
    if (writer === undefined) return false;
    const monotonic = this.#ports.monotonic();
    const about = change.stamp();
    let announced = false;
    this.#attempt(() => {
      announced = writer.announce(about, watermark, monotonic, this.#totals);
    }, watermark);
    if (!announced) return false;
    const { before, since } = change.swap();
    this.#rates.add({ since: before, rate: 0 });
    this.#rates.add({ since, rate });
    this.#ports.state.rate = rate;
    this.#attempt(() => writer.change({ since, rate }, since - before, watermark, monotonic, this.#totals), watermark);
    return true;
  }

  /**
   * Writes records; only while `open`. What the disk does not take is counted as lost; where it is broken the segment ends.
   * Returns what the records were.
   */
  write(bytes: Uint8Array, view: DataView, watermark: TimeNs): RecordWalk {
    const snaplen = limits.sample_snaplen_bytes;
    const walk = walkRecords(view, 0, bytes.length, snaplen);
    const writer = this.#writer;
    if (writer === undefined || walk.records === 0) return walk;
    const before = writer.records;
    this.#attempt(() => {
      try {
        writer.append(bytes, walk, snaplen, () => this.#ports.makeRoom());
      } finally {
        const written = writer.records - before;
        const { packets, lost } = this.#totals;
        this.#totals = {
          ...this.#totals,
          packets: packets + BigInt(written),
          lost: lost + BigInt(walk.records - written),
        };
      }
    }, watermark);
    return walk;
  }

  /** Lets everybody see what was written, and that all up to `watermark` was; goes on to the next segment when it is time. */
  publish(watermark: TimeNs): void {
    const { state, segment_age_ns } = this.#ports;
    const monotonic = this.#ports.monotonic();
    const writer = this.#writer;
    state.totals = this.#totals;
    if (writer === undefined) return;
    writer.publish(this.#totals);
    state.watermark = watermark;
    this.#attempt(() => writer.progress(watermark, monotonic, this.#totals), watermark);
    if (this.#writer === undefined || this.#offered === undefined) return;
    if (writer.full) this.finish('size', watermark);
    else if (monotonic - writer.started_monotonic >= segment_age_ns) this.finish('age', watermark);
    this.begin(watermark);
  }

  /** Ends the segment, where there is one. What it covers ends with `watermark`. */
  finish(reason: SealReason, watermark: TimeNs): void {
    const writer = this.#writer;
    if (writer === undefined) return;
    writer.publish(this.#totals);
    const seal = writer.mark('seal', watermark, this.#ports.monotonic(), this.#totals, reason);
    this.#writer = undefined;
    if (reason === 'clock_set') this.#rates.clockSet();
    this.#finished = this.#totals;
    this.#ports.state.totals = this.#totals;
    this.#ports.send({ kind: 'finished', slot: writer.slot, start: writer.start_mark, seal });
  }

  /** Does something with the segment's files; where they fail, other than for want of room, the segment ends and the fault is said. */
  #attempt(work: () => void, watermark: TimeNs): void {
    try {
      work();
    } catch (error) {
      this.finish('write_failed', watermark);
      const reason = error instanceof Error ? error.message : String(error);
      this.#ports.send({ kind: 'trouble', fault: fault('samples_write_failed', { reason }) });
    }
  }
}
