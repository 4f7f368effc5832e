import { countToEvict, type RetentionLimits } from './retention.ts';
import { removeSegment } from './make_segment.ts';
import type { SealedSegment } from './sealed_segment.ts';
import type { Stream } from './stream.ts';

interface Kept {
  readonly stream: Stream;
  readonly segment: SealedSegment;
  /** All of its files. */
  disk_bytes: number;
  readonly sealed_monotonic: bigint;
}

/** The sealed segments of all streams in the order in which they were sealed, and the going of the oldest. */
export class SegmentRing {
  readonly #limits: RetentionLimits;
  readonly #kept: Kept[] = [];
  #bytes = 0;
  #evicting: Promise<void> = Promise.resolve();

  constructor(limits: RetentionLimits) {
    this.#limits = limits;
  }

  /** Bytes of all files of sealed segments. */
  get bytes(): number {
    return this.#bytes;
  }

  get count(): number {
    return this.#kept.length;
  }

  /** Takes a segment in and makes it part of its stream. */
  add(stream: Stream, segment: SealedSegment): void {
    const { sealed_monotonic } = segment;
    const disk_bytes = segment.disk_bytes + (segment.index_bytes ?? 0);
    const kept = { stream, segment, disk_bytes, sealed_monotonic };
    // Nearly always the newest of all.
    const after = this.#kept.findLastIndex((one) => one.sealed_monotonic <= sealed_monotonic);
    this.#kept.splice(after + 1, 0, kept);
    this.#bytes += disk_bytes;
    const place = stream.sealed.findLastIndex((one) => one.number < segment.number);
    stream.sealed.splice(place + 1, 0, segment);
  }

  /** A segment's index has so many bytes now, or none; false where the segment is gone. */
  indexed(segment: SealedSegment, bytes: number | undefined): boolean {
    const kept = this.#kept.findLast((one) => one.segment === segment);
    if (kept === undefined) return false;
    this.#bytes += (bytes ?? 0) - (segment.index_bytes ?? 0);
    kept.disk_bytes = segment.disk_bytes + (bytes ?? 0);
    if (bytes === undefined) delete segment.index_bytes;
    else segment.index_bytes = bytes;
    return true;
  }

  /** Evicts what is too old or too much; `open_bytes` are those of the segments that are being written. */
  async evict(open_bytes: number, now_monotonic: bigint): Promise<void> {
    await this.#remove(countToEvict(this.#kept, this.#bytes + open_bytes, now_monotonic, this.#limits));
  }

  /** Evicts the oldest segments until they give at least `bytes`; returns how many went. */
  async makeRoom(bytes: number): Promise<number> {
    let [count, freed] = [0, 0];
    while (count < this.#kept.length && freed < bytes) {
      freed += this.#kept[count]?.disk_bytes ?? 0;
      count++;
    }
    await this.#remove(count);
    return count;
  }

  /** They leave the store at once, and the disk one after the other. */
  #remove(count: number): Promise<void> {
    const gone = this.#kept.splice(0, count);
    for (const { stream, segment, disk_bytes } of gone) {
      this.#bytes -= disk_bytes;
      stream.sealed.splice(stream.sealed.indexOf(segment), 1);
    }
    this.#evicting = removeAfter(this.#evicting, gone);
    return this.#evicting;
  }
}

async function removeAfter(before: Promise<void>, gone: readonly Kept[]): Promise<void> {
  // Whoever asked for that has heard of its failure.
  await before.catch(() => undefined);
  const failures: unknown[] = [];
  for (const { stream, segment } of gone) {
    await removeSegment(stream.directory, segment.number).catch((error: unknown) => failures.push(error));
  }
  if (failures.length > 0) throw failures[0];
}
