import type { Part } from '../capture/part.ts';
import type { Fault } from '../model/errors/fault.ts';
import type { SumPoint } from '../upload/sums/sum_point.ts';
import type { Assignment } from '../wire/bus_fields.ts';
import type { PartSums } from './part_sums.ts';

/** A part on its way. */
export interface PartShipment {
  readonly assignment: Assignment;
  readonly interface: string;
  readonly attempt: number;
  readonly path: string;
  readonly journal_path: string;
  /** When the capture's own time for delivering is over, by the monotonic clock; control may change it. */
  readonly deliverUntil: () => bigint;
  /** The part while it grows, and its sums; left out where the file is complete. */
  readonly growing: { readonly part: Part; readonly sums: PartSums } | undefined;
  /** Of a complete file: its length, and what it was when it was written. */
  readonly file_bytes?: number;
  readonly points?: readonly SumPoint[];
  /** Its packets are not in the order of their times, and are put into it as they are sent. */
  readonly put_in_order?: boolean;
  /** Resolves once control has committed that the part has ended, and that no trouble is left on its way. */
  readonly told: () => Promise<void>;
  /** Hears of what is tried again, and with nothing that it goes on. */
  readonly trouble: (fault: Fault | undefined) => void;
  readonly signal: AbortSignal;
}

/** Brings parts to their places. */
export interface PartSender {
  /**
   * Resolves once control has confirmed that the part is in its place; tries until then, or until the capture's own time
   * is over. Throws `upload_gone` and `bucket_checksum`, where only a new try from the first byte can help,
   * `upload_expired`, `part_file_lost`, `part_file_damaged`, and the signal's reason.
   */
  send(shipment: PartShipment): Promise<void>;
}
