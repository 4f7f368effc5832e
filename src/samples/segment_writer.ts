import { ftruncateSync, writeSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { pcapHeaderBytes } from '../pcap/pcap_header.ts';
import type { TimeNs } from '../model/time.ts';
import type { SegmentOffer } from './sampler_messages.ts';
import type { SamplerState, SamplerTotals } from './sampler_state.ts';
import { segment_header_bytes } from './segment_header.ts';
import {
  encodeLossMark,
  encodeSegmentMark,
  encodeSumMark,
  type LossMark,
  segment_mark_bytes,
  type SealReason,
  type SegmentMark,
  type SegmentSum,
} from './segment_mark.ts';
import type { RateChange } from './rate_history.ts';
import { joinTime } from './split_time.ts';
import { type RecordWalk, walkRecords } from './walk_records.ts';

/** What a segment is begun with. */
export interface SegmentStart {
  readonly offer: SegmentOffer;
  /** The rate that holds right after `watermark`. */
  readonly rate: number;
  /** Changes after that which have happened already: the watermark lags. */
  readonly changes: readonly RateChange[];
  /** What the segment covers begins after this moment. */
  readonly watermark: TimeNs;
  readonly monotonic: bigint;
  /** The sampler's totals that belong to the segments before. */
  readonly before: SamplerTotals;
}

const busy_mark_interval_ns = 1_000_000_000n;
const idle_mark_interval_ns = 10_000_000_000n;
/** A stretch of the packet file that one sum vouches for is not made longer: what is damaged of it is lost as a whole. */
const sum_interval_bytes = 256 * 1024;

/** Writes one segment: whole records, and marks that say what they are. Publishes what can be read. Closes nothing. */
export class SegmentWriter {
  readonly slot: number;
  readonly start_mark: SegmentMark;
  readonly #state: SamplerState;
  readonly #start: SegmentStart;
  #length = pcapHeaderBytes;
  #checksum = 0;
  /** Up to here a sum has been written. */
  #summed = pcapHeaderBytes;
  #header_length = segment_header_bytes;
  #records = 0;
  #least: TimeNs | undefined;
  #greatest: TimeNs | undefined;
  #marked: { readonly monotonic: bigint; readonly sum: bigint };
  #rate: { readonly rate: number; readonly since?: TimeNs };
  /** Marks that must not be missing, until the disk has taken them: the first one, those of a rate and of losses. */
  #unwritten: readonly Uint8Array[];

  constructor(state: SamplerState, start: SegmentStart) {
    this.slot = start.offer.slot;
    this.#state = state;
    this.#start = start;
    this.#marked = { monotonic: start.monotonic, sum: 0n };
    this.#rate = { rate: start.rate };
    this.publish(start.before);
    const { watermark, monotonic, before } = start;
    this.start_mark = this.mark('start', watermark, monotonic, before);
    const later = start.changes.map((change) => {
      this.#rate = change;
      return this.mark('rate', watermark, monotonic, before);
    });
    this.#unwritten = [this.start_mark, ...later].map(encodeSegmentMark);
  }

  /** Writes the first mark, and those of the rates; before the first record. */
  begin(): void {
    this.#writeMarks([]);
  }

  /** Is it as long as it should become? */
  get full(): boolean {
    return this.#length >= this.#start.offer.limit_bytes;
  }

  /** Records written so far. */
  get records(): number {
    return this.#records;
  }

  get started_monotonic(): bigint {
    return this.#start.monotonic;
  }

  /**
   * Appends whole records. Where the disk is full it asks `makeRoom` and tries again while that gives true. Records that the
   * disk does not take are left out, from the first such on; a failure other than a full disk is thrown after that.
   */
  append(bytes: Uint8Array, walk: RecordWalk, snaplen_bytes: number, makeRoom: () => boolean): void {
    let written = 0;
    try {
      while (written < walk.end) written += this.#writeSome(bytes, written, walk.end, makeRoom);
    } catch (error) {
      if (!isDiskFull(error)) throw error;
    } finally {
      this.#count(bytes, written === walk.end ? walk : this.#cutBack(bytes, written, snaplen_bytes));
    }
  }

  #writeSome(bytes: Uint8Array, from: number, to: number, makeRoom: () => boolean): number {
    const descriptor = this.#start.offer.packets_descriptor;
    for (;;) {
      try {
        return writeSync(descriptor, bytes, from, to - from, this.#length + from);
      } catch (error) {
        if (!isDiskFull(error) || !makeRoom()) throw error;
      }
    }
  }

  /** Writes a mark now and then, and a sum with it; after much was written, the sum alone. */
  progress(watermark: TimeNs, monotonic: bigint, totals: SamplerTotals): void {
    const count = totals.packets + totals.accepted + totals.dropped + totals.lost;
    const since = monotonic - this.#marked.monotonic;
    const due = since >= busy_mark_interval_ns && (count !== this.#marked.sum || since >= idle_mark_interval_ns);
    if (!due && this.#length - this.#summed < sum_interval_bytes) return;
    const sum = this.sum(watermark);
    const marks = sum === undefined ? [] : [encodeSumMark(sum)];
    if (due) {
      this.#marked = { monotonic, sum: count };
      marks.push(encodeSegmentMark(this.mark('progress', watermark, monotonic, totals)));
    }
    if (this.#writeMarks(marks)) this.#summed = this.#length;
  }

  /** Vouches for all that was written; undefined where that was done, or there is nothing. */
  sum(watermark: TimeNs): SegmentSum | undefined {
    if (this.#length === this.#summed || this.#least === undefined || this.#greatest === undefined) return undefined;
    return {
      checksum: this.#checksum,
      watermark,
      offset: this.#length,
      records: this.#records,
      least: this.#least,
      greatest: this.#greatest,
    };
  }

  /** Says that the rate is about to change at some moment after `since`; false where the disk does not take that. */
  announce(since: TimeNs, watermark: TimeNs, monotonic: bigint, totals: SamplerTotals): boolean {
    const announced = { ...this.mark('rate', watermark, monotonic, totals), rate: 0, rate_since: since };
    return this.#writeMarks([encodeSegmentMark(announced)]);
  }

  /** Says that the rate has changed, in the time of `took` before `since`; later, where the disk does not take it now. */
  change(change: RateChange, took: bigint, watermark: TimeNs, monotonic: bigint, totals: SamplerTotals): void {
    this.#rate = change;
    const changed = { ...this.mark('rate', watermark, monotonic, totals), rate_unknown_us: wholeMicroseconds(took) };
    this.#unwritten = [...this.#unwritten, encodeSegmentMark(changed)];
    this.#writeMarks([]);
  }

  /** Says when packets were lost; later, where the disk does not take it now. */
  lose(losses: readonly LossMark[]): void {
    this.#unwritten = [...this.#unwritten, ...losses.map(encodeLossMark)];
    this.#writeMarks([]);
  }

  /** What is to be said of the segment now. */
  mark(
    kind: SegmentMark['kind'],
    watermark: TimeNs,
    monotonic: bigint,
    totals: SamplerTotals,
    reason?: SealReason,
  ): SegmentMark {
    const { before } = this.#start;
    const { rate, since } = this.#rate;
    return {
      kind,
      rate,
      ...(since === undefined ? {} : { rate_since: since }),
      watermark,
      monotonic,
      offset: this.#length,
      records: this.#records,
      accepted: totals.accepted - before.accepted,
      dropped: totals.dropped - before.dropped,
      lost: totals.lost - before.lost,
      ...this.#times(),
      ...(reason === undefined ? {} : { reason }),
    };
  }

  #times(): { least?: TimeNs; greatest?: TimeNs } {
    if (this.#least === undefined || this.#greatest === undefined) return {};
    return { least: this.#least, greatest: this.#greatest };
  }

  /** Takes a torn record off the end again. */
  #cutBack(bytes: Uint8Array, written: number, snaplen_bytes: number): RecordWalk {
    const view = new DataView(bytes.buffer, bytes.byteOffset, written);
    const kept = walkRecords(view, 0, written, snaplen_bytes);
    ftruncateSync(this.#start.offer.packets_descriptor, this.#length + kept.end);
    return kept;
  }

  #count(bytes: Uint8Array, walk: RecordWalk): void {
    if (walk.records === 0) return;
    this.#length += walk.end;
    this.#checksum = crc32(bytes.subarray(0, walk.end), this.#checksum);
    this.#records += walk.records;
    const [least, greatest] = [joinTime(walk.least_s, walk.least_ns), joinTime(walk.greatest_s, walk.greatest_ns)];
    if (this.#least === undefined || least < this.#least) this.#least = least;
    if (this.#greatest === undefined || greatest > this.#greatest) this.#greatest = greatest;
  }

  /** Lets readers see what was appended. */
  publish(totals: SamplerTotals): void {
    this.#state.publish(this.slot, {
      length: this.#length,
      checksum: this.#checksum,
      records: this.#records,
      ...this.#times(),
      dropped: totals.dropped - this.#start.before.dropped,
      lost: totals.lost - this.#start.before.lost,
    });
  }

  /** Writes marks behind those that are still to be written; true where all are on the disk now. */
  #writeMarks(marks: readonly Uint8Array[]): boolean {
    const all = [...this.#unwritten, ...marks];
    try {
      if (all.length === 0) return true;
      // In one go: whoever is killed leaves all of them or none.
      const bytes = Buffer.concat(all);
      const written = writeSync(this.#start.offer.header_descriptor, bytes, 0, bytes.length, this.#header_length);
      // Half a mark is none: the next one goes to the same place.
      const whole = Math.floor(written / segment_mark_bytes);
      this.#header_length += whole * segment_mark_bytes;
      this.#unwritten = this.#unwritten.slice(whole);
      return whole === all.length;
    } catch (error) {
      // What a progress mark says, the next one says again, in the same place.
      if (isDiskFull(error)) return false;
      throw error;
    }
  }
}

/** Rounded up; 0, not known, for what a mark cannot say. */
function wholeMicroseconds(took: bigint): number {
  const microseconds = (took + 999n) / 1000n;
  return microseconds <= 0xffffn ? Number(microseconds) : 0;
}

/** Did the file system have no room, or the user no more of it? */
export function isDiskFull(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT');
}
