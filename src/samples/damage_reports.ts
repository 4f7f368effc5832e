import { type Fault, fault } from '../model/errors/fault.ts';
import type { OpenSegment } from './open_segments.ts';
import type { FoundDamage } from './scan_job.ts';
import type { SealedSegment } from './sealed_segment.ts';
import { segmentLabel } from './segment_label.ts';
import type { SegmentRing } from './segment_ring.ts';
import type { Stream } from './stream.ts';

/** What telling of damage takes. */
export interface DamageReportsPorts {
  readonly ring: Pick<SegmentRing, 'indexed'>;
  readonly report: (fault: Fault) => void;
  /** Segments that are being written. */
  open(): Iterable<OpenSegment>;
  /** Makes a segment's index again. */
  readonly index: (stream: Stream, segment: SealedSegment) => void;
}

/** Tells of damage in segments, and has bad indexes made again. */
export class DamageReports {
  readonly #ports: DamageReportsPorts;
  /** Segments whose packets are damaged, by label: told once. */
  readonly #told = new Set<string>();

  constructor(ports: DamageReportsPorts) {
    this.#ports = ports;
  }

  /** What a look-back has found in the streams that it read; of a segment that is gone since, nothing is told. */
  heed(found: readonly FoundDamage[], streams: readonly Stream[]): void {
    for (const { stream: index, segment: number, what, reason, version } of found) {
      const stream = streams[index];
      const segment = stream?.sealed.find((one) => one.number === number);
      if (stream === undefined || (segment === undefined && !this.#isOpen(stream, number))) continue;
      if (what === 'packets') this.packets(stream, number, reason);
      // Another look-back may have found the same.
      else if (segment?.index_bytes !== undefined) this.#index(stream, segment, reason, version);
    }
  }

  /** The packets of a segment are damaged. */
  packets(stream: Stream, number: number, reason: string): void {
    const label = segmentLabel(stream, number);
    if (this.#told.has(label)) return;
    this.#told.add(label);
    this.#ports.report(fault('segment_packets_damaged', { segment: label, reason }));
  }

  #index(stream: Stream, segment: SealedSegment, reason: string, version: number | undefined): void {
    const { ring, report, index } = this.#ports;
    ring.indexed(segment, undefined);
    const label = segmentLabel(stream, segment.number);
    if (version !== undefined) return report(fault('segment_newer', { segment: label, version }));
    report(fault('segment_index_damaged', { segment: label, reason }));
    index(stream, segment);
  }

  #isOpen(stream: Stream, number: number): boolean {
    for (const one of this.#ports.open()) if (one.stream === stream && one.number === number) return true;
    return false;
  }
}
