import type { Fault } from '../model/errors/fault.ts';
import type { StopReason } from '../model/stop_reason.ts';
import type { TimeNs } from '../model/time.ts';
import type { Assignment } from '../wire/bus_fields.ts';

/**
 * What a sensor has written to disk about one part. It writes each phase before it acts on it, except `armed`: capturing begins just before.
 * `arming`: its interface is being prepared. `armed`: it captures, and control may be told so. A part that is `armed` at a start, or `arming` with
 * packets in its file, was capturing when the process died. `ended`: its file is complete and on its way. `delivered`: confirmed in its place; kept until control no longer names it, so that it is not begun anew.
 */
export interface PartState {
  readonly layout: 1;
  readonly assignment: Assignment;
  readonly interface: string;
  readonly phase: 'arming' | 'armed' | 'ended' | 'delivered' | 'failed' | 'excluded';
  readonly armed_at?: TimeNs;
  readonly clock_offset?: bigint;
  readonly linktype?: number;
  readonly packets?: bigint;
  readonly bytes?: bigint;
  readonly dropped?: bigint;
  readonly dropped_is_upper_bound?: boolean;
  readonly interface_dropped?: bigint;
  readonly stop_reason?: StopReason;
  readonly unordered?: boolean;
  readonly fault?: Fault;
  /** What of it is or may be missing, and why. */
  readonly missing?: string;
  /** What else its owner should know. */
  readonly note?: string;
  /** Its own file is damaged, and no sums say where: what looks whole of it is to be taken. */
  readonly damaged?: boolean;
  /** It has been put in the order of time. */
  readonly sorted?: boolean;
  /** Its packets are put in the order of time as they are sent: the spool has no room for a copy. */
  readonly sorted_on_its_way?: boolean;
  /** What the file to deliver is called beside the part's own, where it is another one: in order of time, or what is left of a damaged one. */
  readonly file?: string;
  /** Length of the file to deliver, and the CRC-32 of so much of it. A state from before this was kept has neither. */
  readonly file_bytes?: number;
  readonly checksum?: number;
  /** The upload's try, from 0: a new one begins with the first byte again. */
  readonly attempt: number;
}

/** One part's name in a sensor: a capture on an interface. */
export function partKey(captureId: string, interfaceName: string): string {
  return `${captureId}/${interfaceName}`;
}
