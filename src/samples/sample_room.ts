import { type Fault, fault } from '../model/errors/fault.ts';
import type { SampleClock } from './clock.ts';
import type { SegmentRing } from './segment_ring.ts';

/** What making room takes. */
export interface SampleRoomPorts {
  readonly ring: Pick<SegmentRing, 'makeRoom'>;
  readonly clock: Pick<SampleClock, 'monotonic'>;
  readonly report: (fault: Fault) => void;
}

const room_bytes = 4 << 20;
const full_report_interval_ns = 10_000_000_000n;

/** Makes room on a disk that is full, by evicting the oldest segments, and tells of it: at most once in 10 s. */
export class SampleRoom {
  readonly #ports: SampleRoomPorts;
  #evicted = 0;
  #reported: bigint;

  constructor(ports: SampleRoomPorts) {
    this.#ports = ports;
    this.#reported = ports.clock.monotonic() - full_report_interval_ns - 1n;
  }

  /** Evicts some segments; gives how many. */
  async make(): Promise<number> {
    const { ring, clock, report } = this.#ports;
    const segments = await ring.makeRoom(room_bytes);
    this.#evicted += segments;
    const now = clock.monotonic();
    if (now - this.#reported > full_report_interval_ns) {
      report(fault('samples_disk_full', { segments: this.#evicted }));
      [this.#reported, this.#evicted] = [now, 0];
    }
    return segments;
  }
}
