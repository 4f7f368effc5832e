import { fault } from '../model/errors/fault.ts';
import { limits } from '../model/limits.ts';
import type { TimeNs } from '../model/time.ts';
import { recordHeaderBytes } from '../pcap/pcap_record.ts';
import { LossTracker } from './loss_tracker.ts';
import { RateHistory } from './rate_history.ts';
import type { FromSampler, SegmentOffer } from './sampler_messages.ts';
import type { SamplerState, SamplerTotals } from './sampler_state.ts';
import type { LossMark, SealReason } from './segment_mark.ts';
import { SegmentWriter } from './segment_writer.ts';
import { joinTime } from './split_time.ts';
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
/** Losses are told at once, but not more often than this: then several together. */
const tell_interval_ns = 125_000_000n;
/** Losses that follow one another are told as one up to this length. */
const joined_most_ns = 250_000_000n;

/** Where a sampler's records go: segment after segment out of what the store offers, and the counts of all of them. */
export class SegmentSink {
  readonly #ports: SegmentSinkPorts;
  readonly #rates: RateHistory;
  #totals = nothing;
  /** Totals up to the end of the last finished segment, with the losses that were told by then. */
  #finished = nothing;
  #losses = new LossTracker(0n);
  /** Packets that had entered the ring of the openings before this one. */
  #entered_before = 0n;
  #dropped_before = 0n;
  /** Losses that no segment tells yet; and how many were told, and when. */
  #untold: LossMark[] = [];
  #told = { dropped: 0n, lost: 0n };
  #told_at = -tell_interval_ns;
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

  /** The files of a segment are gone: it ends, or is not begun. */
  removed(slot: number, watermark: TimeNs): void {
    if (this.#offered?.slot === slot) this.decline();
    if (this.#writer?.slot === slot) this.finish('write_failed', watermark);
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

  /** The interface was opened, at `now`: its ring is a new one. */
  sourceOpened(now: TimeNs): void {
    this.#settleLosses(true);
    const { accepted, dropped } = this.#totals;
    [this.#entered_before, this.#dropped_before] = [accepted - dropped, dropped];
    this.#losses = new LossTracker(now);
  }

  /** What the kernel has counted since sampling began; `now` was read after it, by the clock that stamps packets. */
  countKernel(accepted: bigint, dropped: bigint, now: TimeNs): void {
    this.#totals = { ...this.#totals, accepted, dropped };
    const entered = accepted - dropped - this.#entered_before;
    this.#losses.count({ entered, dropped: dropped - this.#dropped_before }, now);
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
      announced = writer.announce(about, watermark, monotonic, this.#settled());
    }, watermark);
    if (!announced) return false;
    const { before, since } = change.swap();
    this.#rates.add({ since: before, rate: 0 });
    this.#rates.add({ since, rate });
    this.#ports.state.rate = rate;
    const change_ns = since - before;
    this.#attempt(() => writer.change({ since, rate }, change_ns, watermark, monotonic, this.#settled()), watermark);
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
    this.#losses.read(view, walk.records);
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
        if (written < walk.records) this.#untold.push(lossOf(view, written, walk, snaplen));
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
    // Before the counts are published: what they say more is taken for losses that may have been at any time.
    this.#attempt(() => this.#tellLosses(writer, monotonic), watermark);
    writer.publish(this.#totals);
    state.watermark = watermark;
    this.#attempt(() => writer.progress(watermark, monotonic, this.#settled()), watermark);
    if (this.#writer === undefined || this.#offered === undefined) return;
    if (writer.full) this.finish('size', watermark);
    else if (monotonic - writer.started_monotonic >= segment_age_ns) this.finish('age', watermark);
    this.begin(watermark);
  }

  /** Ends the segment, where there is one. What it covers ends with `watermark`. */
  finish(reason: SealReason, watermark: TimeNs): void {
    const writer = this.#writer;
    if (writer === undefined) return;
    this.#writer = undefined;
    this.#settleLosses(true);
    try {
      this.#tellUntold(writer);
    } catch {
      // The disk fails, as whoever seals the segment will be told: the counts of the seal say how many, without their times.
    }
    writer.publish(this.#totals);
    const seal = writer.mark('seal', watermark, this.#ports.monotonic(), this.#settled(), reason);
    if (reason === 'clock_set') this.#rates.clockSet();
    this.#finished = this.#settled();
    this.#ports.state.totals = this.#totals;
    const sum = writer.sum(watermark);
    const told = { start: writer.start_mark, seal, ...(sum === undefined ? {} : { sum }) };
    this.#ports.send({ kind: 'finished', slot: writer.slot, ...told });
  }

  /** The totals, with the losses that were told: those that the segment's marks may count. */
  #settled(): SamplerTotals {
    return { ...this.#totals, ...this.#told };
  }

  /** Takes over the losses whose times are known by now, or all. */
  #settleLosses(all: boolean): void {
    for (const { from, to, packets } of all ? this.#losses.takeAll() : this.#losses.take())
      this.#untold.push({ from, to, dropped: packets, lost: 0n });
  }

  #tellLosses(writer: SegmentWriter, monotonic: bigint): void {
    this.#settleLosses(false);
    if (monotonic - this.#told_at < tell_interval_ns) return;
    if (this.#untold.length > 0) this.#told_at = monotonic;
    this.#tellUntold(writer);
  }

  #tellUntold(writer: SegmentWriter): void {
    const losses = joinLosses(this.#untold.splice(0));
    for (const { dropped, lost } of losses)
      this.#told = { dropped: this.#told.dropped + dropped, lost: this.#told.lost + lost };
    if (losses.length > 0) writer.lose(losses);
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

/** The loss of the records of a walk that were not written. */
function lossOf(view: DataView, written: number, { end }: RecordWalk, snaplen_bytes: number): LossMark {
  let at = 0;
  for (let record = 0; record < written; record += 1) at += recordHeaderBytes + view.getUint32(at + 8, true);
  const lost = walkRecords(view, at, end, snaplen_bytes);
  const from = joinTime(lost.least_s, lost.least_ns) - 1n;
  return { from, to: joinTime(lost.greatest_s, lost.greatest_ns), dropped: 0n, lost: BigInt(lost.records) };
}

/** Losses that follow one another closely become one. */
function joinLosses(losses: readonly LossMark[]): readonly LossMark[] {
  const joined: LossMark[] = [];
  for (const loss of losses) {
    const last = joined.at(-1);
    if (last === undefined || loss.from > last.to || loss.from < last.from || loss.to - last.from > joined_most_ns) {
      joined.push(loss);
      continue;
    }
    const to = loss.to > last.to ? loss.to : last.to;
    joined[joined.length - 1] = { ...last, to, dropped: last.dropped + loss.dropped, lost: last.lost + loss.lost };
  }
  return joined;
}
