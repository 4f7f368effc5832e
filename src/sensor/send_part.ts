import type { Part } from '../capture/part.ts';
import type { Assignment } from '../wire/bus_fields.ts';

/** A part on its way. */
export interface PartShipment {
  readonly assignment: Assignment;
  readonly interface: string;
  readonly attempt: number;
  readonly path: string;
  readonly journal_path: string;
  /** The part while it grows; left out where the file is complete. */
  readonly part: Part | undefined;
  /** Resolves once the file is complete and its state written down. */
  readonly ended: Promise<void>;
  /** Resolves once control has committed that the part has ended. */
  readonly told: Promise<void>;
  readonly signal: AbortSignal;
}

/** Brings parts to their places. */
export interface PartSender {
  /** Resolves once control has confirmed that the part is in its place. */
  send(shipment: PartShipment): Promise<void>;
}
