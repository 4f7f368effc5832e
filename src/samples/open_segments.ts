import { type FileHandle, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Fault, fault } from '../model/errors/fault.ts';
import type { SampleClock } from './clock.ts';
import { makeSegment, removeSegment } from './make_segment.ts';
import { endOf, recoverSegment, type SegmentEnd } from './recover_segment.ts';
import { segmentSlots } from './sampler_state.ts';
import { sealSegment, unsynced } from './seal_segment.ts';
import type { SealedSegment } from './sealed_segment.ts';
import { segmentCover } from './segment_cover.ts';
import { clockOffset, readSegmentHeader, segment_header_bytes } from './segment_header.ts';
import { readSegmentMarks, type SegmentMark, type SegmentSum } from './segment_mark.ts';
import { isDiskFull } from './segment_writer.ts';
import { segmentLabel } from './segment_label.ts';
import { segmentFiles } from './segment_name.ts';
import type { Stream } from './stream.ts';

/** A segment that is not sealed yet. */
export interface OpenSegment {
  readonly stream: Stream;
  readonly number: number;
  readonly slot: number;
  readonly packets: FileHandle;
  readonly header: FileHandle;
  /** Made ahead of time; being written; to be sealed. */
  phase: 'offered' | 'taken' | 'finished';
  /** Its last mark, once it is finished. */
  seal?: SegmentMark;
  /** Its files are not under their names any more: it is lost. */
  removed?: true;
}

/** What the open segments of a sampler need of the store. */
export interface OpenSegmentsPorts {
  readonly clock: SampleClock;
  readonly boot: Uint8Array;
  /** The rate in force. */
  rate(): number;
  report(fault: Fault): void;
  /** Evicts old segments; gives how many. */
  makeRoom(): Promise<number>;
  /** Takes a sealed segment in. */
  sealed(stream: Stream, segment: SealedSegment): void;
  /** A segment will not be sealed by this process. */
  lost(stream: Stream, number: number): void;
  /** A slot has no segment any more: what its last one published must not be taken for the next one's. */
  vacated(slot: number): void;
}

const seal_attempts = 3;
const retry_ms = 1000;

/** The segments of one sampler from the making of their files to the seal. Owns the file handles. */
export class OpenSegments {
  readonly #ports: OpenSegmentsPorts;
  readonly #slots: (OpenSegment | undefined)[] = Array.from({ length: segmentSlots }, () => undefined);

  constructor(ports: OpenSegmentsPorts) {
    this.#ports = ports;
  }

  get all(): readonly OpenSegment[] {
    return this.#slots.filter((segment) => segment !== undefined);
  }

  at(slot: number): OpenSegment | undefined {
    return this.#slots[slot];
  }

  /**
   * Makes the files of a stream's next segment; where the disk is full, old segments go until there is room. Undefined where all
   * slots are taken. Throws whatever the file system throws.
   */
  async make(stream: Stream): Promise<OpenSegment | undefined> {
    const slot = this.#slots.indexOf(undefined);
    if (slot === -1) return undefined;
    for (;;) {
      try {
        const made = await makeSegment(stream, this.#ports.rate(), this.#ports);
        const segment: OpenSegment = { ...made, stream, slot, phase: 'offered' };
        this.#slots[slot] = segment;
        return segment;
      } catch (error) {
        if (!isDiskFull(error) || (await this.#ports.makeRoom()) === 0) throw error;
      }
    }
  }

  /** The segments whose files somebody has removed or moved away, each given once. */
  async findRemoved(): Promise<readonly OpenSegment[]> {
    const found: OpenSegment[] = [];
    for (const segment of this.all) {
      if (segment.phase === 'finished' || segment.removed === true || (await areThere(segment))) continue;
      if (this.at(segment.slot) !== segment) continue;
      segment.removed = true;
      found.push(segment);
    }
    return found;
  }

  /** Removes a segment that was never written. */
  async discard(segment: OpenSegment): Promise<void> {
    await this.#release(segment);
    await removeSegment(segment.stream.directory, segment.number);
  }

  /** Seals a segment that the sampler has finished. Where that fails again and again, it stays for the next start to recover. */
  async seal(segment: OpenSegment, start: SegmentMark, seal: SegmentMark, sum?: SegmentSum): Promise<void> {
    segment.phase = 'finished';
    segment.seal = seal;
    try {
      const outcome = await this.#sealFiles(segment, start, seal, sum);
      if (outcome !== 'failed') {
        const header = await segment.header.readFile();
        const last = outcome === 'safe' ? seal : unsynced(seal);
        this.#ports.sealed(segment.stream, describeSealed(segment.number, header, start, last));
      } else this.#ports.lost(segment.stream, segment.number);
    } finally {
      await this.#release(segment);
    }
  }

  /** Tries more than once; where that does not help, or the disk fails, it is said. */
  async #sealFiles(
    segment: OpenSegment,
    start: SegmentMark,
    seal: SegmentMark,
    sum: SegmentSum | undefined,
  ): Promise<'safe' | 'unsafe' | 'failed'> {
    if (segment.removed === true) return 'failed';
    const { directory } = segment.stream;
    for (let attempt = 1; ; attempt++) {
      try {
        if (await sealSegment({ ...segment, directory }, start, [seal], sum)) return 'safe';
        this.#ports.report(fault('segment_unsynced', { segment: segmentLabel(segment.stream, segment.number) }));
        return 'unsafe';
      } catch (error) {
        const full = isDiskFull(error) && (await this.#ports.makeRoom()) > 0;
        if (attempt >= seal_attempts && !full) {
          this.#ports.report(fault('samples_write_failed', { reason: String(error) }));
          return 'failed';
        }
        if (!full) await this.#ports.clock.sleep(retry_ms);
      }
    }
  }

  /** Takes in what a sampler left that has died. */
  async salvage(): Promise<void> {
    for (const segment of this.all) {
      if (segment.phase === 'finished') continue;
      try {
        await this.#recover(segment);
      } catch (error) {
        this.#ports.report(fault('samples_write_failed', { reason: String(error) }));
      } finally {
        await this.#release(segment);
      }
    }
  }

  async #recover({ stream, number }: OpenSegment): Promise<void> {
    const { clock, boot } = this.#ports;
    const report = (cause: Fault): void => this.#ports.report(cause);
    const context = { stream, directory: stream.directory, clock, boot, report };
    const recovered = await recoverSegment(number, true, context, this.#endBefore(stream, number));
    if (recovered.kind === 'sealed') this.#ports.sealed(stream, recovered.segment);
    else this.#ports.lost(stream, number);
  }

  /** How the segment before ended, whether it is sealed already or is being sealed. */
  #endBefore(stream: Stream, number: number): SegmentEnd | undefined {
    const finished = this.all.find((one) => one.stream === stream && one.number === number - 1);
    if (finished?.seal !== undefined) return { ...finished.seal, number: finished.number };
    const sealed = stream.sealed.find((one) => one.number === number - 1);
    return sealed === undefined ? undefined : endOf(sealed);
  }

  async #release(segment: OpenSegment): Promise<void> {
    this.#slots[segment.slot] = undefined;
    this.#ports.vacated(segment.slot);
    await segment.packets.close();
    await segment.header.close();
  }
}

/** Are the open files those that have their names? */
async function areThere({ stream, number, packets, header }: OpenSegment): Promise<boolean> {
  const files = segmentFiles(number);
  for (const [name, file] of [
    [files.open, packets],
    [files.header, header],
  ] as const) {
    try {
      const [named, open] = [await stat(join(stream.directory, name)), await file.stat()];
      if (named.ino !== open.ino || named.dev !== open.dev) return false;
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      if (code === 'ENOENT' || code === 'ENOTDIR') return false;
      // What cannot be looked at now may be there.
    }
  }
  return true;
}

/** A segment that was just sealed, as its header has it. */
export function describeSealed(
  number: number,
  header: Uint8Array,
  start: SegmentMark,
  seal: SegmentMark,
): SealedSegment {
  const clock_offset = clockOffset(readSegmentHeader(header));
  const cover = segmentCover(readSegmentMarks(header, segment_header_bytes), undefined, clock_offset);
  const { watermark, offset, records, least, greatest, monotonic, reason } = seal;
  return {
    number,
    length: offset,
    disk_bytes: offset + header.length,
    records,
    ...(least === undefined ? {} : { least }),
    ...(greatest === undefined ? {} : { greatest }),
    cover: cover ?? { from: start.watermark, to: watermark, rates: [], losses: [], ...(reason ? { reason } : {}) },
    sealed_monotonic: monotonic,
  };
}
