import type { TimeNs } from '../model/time.ts';

/** What the sampler of an interface is doing. */
export const samplerPhases = ['opening', 'sampling', 'interrupted', 'ended'] as const;

/** What the sampler of an interface is doing. */
export type SamplerPhase = (typeof samplerPhases)[number];

/** Segments that can be open at one time: the current one, the next one, and those that wait to be sealed. */
export const segmentSlots = 4;

/** What a segment that is being written holds by now. */
export interface OpenContent {
  /** Bytes of whole records, with the file's header: below 2^31. */
  readonly length: number;
  /** CRC-32 of all of them but the file's header. */
  readonly checksum: number;
  readonly records: number;
  readonly least?: TimeNs;
  readonly greatest?: TimeNs;
  readonly dropped: bigint;
  readonly lost: bigint;
}

/** Totals since sampling began. */
export interface SamplerTotals {
  readonly packets: bigint;
  readonly accepted: bigint;
  readonly dropped: bigint;
  readonly lost: bigint;
}

const fields = {
  phase: 0,
  stop: 1,
  watermark: 2,
  packets: 3,
  accepted: 4,
  dropped: 5,
  lost: 6,
  rate: 7,
  budget: 8,
  slots: 10,
} as const;
const slotFields = { extent: 0, records: 1, least: 2, greatest: 3, dropped: 4, lost: 5, all: 8 } as const;

/**
 * What a sampler publishes and the store reads at any moment, over one SharedArrayBuffer. The writer stores a segment's
 * content before the watermark that it allows, and its length last; a reader asks for the watermark first: so everything up to
 * the watermark lies within the lengths read after it.
 */
export class SamplerState {
  readonly buffer: SharedArrayBuffer;
  readonly #words: BigInt64Array;

  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(8 * (fields.slots + segmentSlots * slotFields.all))) {
    this.buffer = buffer;
    this.#words = new BigInt64Array(buffer);
  }

  get phase(): SamplerPhase {
    return samplerPhases[Number(this.#load(fields.phase))] ?? 'ended';
  }

  set phase(phase: SamplerPhase) {
    this.#store(fields.phase, BigInt(samplerPhases.indexOf(phase)));
  }

  /** Asked by the store, heeded by the sampler. */
  get stopping(): boolean {
    return this.#load(fields.stop) !== 0n;
  }

  stop(): void {
    this.#store(fields.stop, 1n);
  }

  /** Every sampled packet up to and including this moment can be found. */
  get watermark(): TimeNs | undefined {
    const value = this.#load(fields.watermark);
    return value === 0n ? undefined : value;
  }

  set watermark(time: TimeNs) {
    this.#store(fields.watermark, time);
  }

  /** 1 in this many packets is kept now; 0 before the sampler has begun. */
  get rate(): number {
    return Number(this.#load(fields.rate));
  }

  set rate(rate: number) {
    this.#store(fields.rate, BigInt(rate));
  }

  /** Packets to be kept per second, at most, said by the store and heeded by the sampler; 0 where its rate is fixed. */
  get budget_pps(): number {
    return Number(this.#load(fields.budget));
  }

  set budget_pps(budget_pps: number) {
    this.#store(fields.budget, BigInt(budget_pps));
  }

  get totals(): SamplerTotals {
    return {
      packets: this.#load(fields.packets),
      accepted: this.#load(fields.accepted),
      dropped: this.#load(fields.dropped),
      lost: this.#load(fields.lost),
    };
  }

  set totals(totals: SamplerTotals) {
    this.#store(fields.packets, totals.packets);
    this.#store(fields.accepted, totals.accepted);
    this.#store(fields.dropped, totals.dropped);
    this.#store(fields.lost, totals.lost);
  }

  /** What the segment in a slot holds. */
  content(slot: number): OpenContent {
    const at = fields.slots + slot * slotFields.all;
    // Length and count first: what the other fields say then holds for at least that much. Length and checksum are one word: both are
    // of the same moment.
    const extent = this.#load(at + slotFields.extent);
    const records = Number(this.#load(at + slotFields.records));
    const [least, greatest] = [this.#load(at + slotFields.least), this.#load(at + slotFields.greatest)];
    return {
      length: Number(extent >> 32n),
      checksum: Number(BigInt.asUintN(32, extent)),
      records,
      ...(records === 0 ? {} : { least, greatest }),
      dropped: this.#load(at + slotFields.dropped),
      lost: this.#load(at + slotFields.lost),
    };
  }

  publish(slot: number, content: OpenContent): void {
    const at = fields.slots + slot * slotFields.all;
    this.#store(at + slotFields.least, content.least ?? 0n);
    this.#store(at + slotFields.greatest, content.greatest ?? 0n);
    this.#store(at + slotFields.dropped, content.dropped);
    this.#store(at + slotFields.lost, content.lost);
    this.#store(at + slotFields.records, BigInt(content.records));
    this.#store(at + slotFields.extent, (BigInt(content.length) << 32n) | BigInt(content.checksum));
  }

  /** There is nothing in a slot. */
  vacate(slot: number): void {
    this.publish(slot, { length: 0, checksum: 0, records: 0, dropped: 0n, lost: 0n });
  }

  #load(index: number): bigint {
    return Atomics.load(this.#words, index);
  }

  #store(index: number, value: bigint): void {
    Atomics.store(this.#words, index, value);
  }
}
