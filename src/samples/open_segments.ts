import { type FileHandle, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Fault, fault } from '../model/errors/fault.ts';
import type { SampleClock } from './clock.ts';
import { makeSegment, removeSegment } from './make_segment.ts';
import { recoverSegment } from './recover_segment.ts';
import { segmentSlots } from './sampler_state.ts';
import { sealSegment } from './seal_segment.ts';
import type { SealedSegment } from './sealed_segment.ts';
import { segmentCover } from './segment_cover.ts';
import { segment_header_bytes } from './segment_header.ts';
import { readSegmentMarks, type SegmentMark } from './segment_mark.ts';
import { segmentFiles } from './segment_name.ts';
import { isDiskFull } from './segment_writer.ts';
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
}

/** What the open segments of a sampler need of the store. */
export interface OpenSegmentsPorts {
  readonly clock: SampleClock;
  readonly boot: Uint8Array;
  readonly rate: number;
  report(fault: Fault): void;
  /** Evicts old segments; gives how many. */
  makeRoom(): Promise<number>;
  /** Takes a sealed segment in. */
  sealed(stream: Stream, segment: SealedSegment): void;
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
        const made = await makeSegment(stream, this.#ports.rate, this.#ports);
        const segment: OpenSegment = { ...made, stream, slot, phase: 'offered' };
        this.#slots[slot] = segment;
        return segment;
      } catch (error) {
        if (!isDiskFull(error) || (await this.#ports.makeRoom()) === 0) throw error;
      }
    }
  }

  /** Removes a segment that was never written. */
  async discard(segment: OpenSegment): Promise<void> {
    await this.#release(segment);
    await removeSegment(segment.stream.directory, segment.number);
  }

  /** Seals a segment that the sampler has finished. Where that fails again and again, it stays for the next start to recover. */
  async seal(segment: OpenSegment, start: SegmentMark, seal: SegmentMark): Promise<void> {
    const { directory } = segment.stream;
    segment.phase = 'finished';
    segment.seal = seal;
    for (let attempt = 1; ; attempt++) {
      try {
        await sealSegment({ ...segment, directory }, start, seal);
        break;
      } catch (error) {
        const full = isDiskFull(error) && (await this.#ports.makeRoom()) > 0;
        if (attempt >= seal_attempts && !full) {
          this.#ports.report(fault('samples_write_failed', { reason: String(error) }));
          return await this.#release(segment);
        }
        if (!full) await this.#ports.clock.sleep(retry_ms);
      }
    }
    const header = await readFile(join(directory, segmentFiles(segment.number).header));
    const cover = segmentCover(readSegmentMarks(header, segment_header_bytes));
    const { watermark, offset, records, least, greatest, monotonic, reason } = seal;
    this.#ports.sealed(segment.stream, {
      number: segment.number,
      length: offset,
      disk_bytes: offset + header.length,
      records,
      ...(least === undefined ? {} : { least }),
      ...(greatest === undefined ? {} : { greatest }),
      cover: cover ?? { from: start.watermark, to: watermark, rates: [], losses: [], ...(reason ? { reason } : {}) },
      sealed_monotonic: monotonic,
    });
    await this.#release(segment);
  }

  /** Takes in what a sampler left that has died. */
  async salvage(): Promise<void> {
    for (const segment of this.all) {
      if (segment.phase === 'finished') continue;
      const { stream, number } = segment;
      const { clock, boot } = this.#ports;
      const report = (cause: Fault): void => this.#ports.report(cause);
      const context = { stream, directory: stream.directory, clock, boot, report };
      const recovered = await recoverSegment(number, true, context);
      if (recovered.kind === 'sealed') this.#ports.sealed(stream, recovered.segment);
      await this.#release(segment);
    }
  }

  async #release(segment: OpenSegment): Promise<void> {
    this.#slots[segment.slot] = undefined;
    await segment.packets.close();
    await segment.header.close();
  }
}
