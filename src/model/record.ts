import type { CaptureSpec } from './capture.ts';
import type { Covered } from './covered.ts';
import type { PartPast } from './past.ts';
import type { Scope } from './scope.ts';
import type { Status } from './status.ts';
import type { StopReason } from './stop_reason.ts';
import type { TimeNs } from './time.ts';

/** Where a capture's packets go: `direct` into the delivered object, `staged` for conversion, `lookback` from sample stores. */
export type Delivery = 'direct' | 'staged' | 'lookback';

/** Why a whole capture was told to end. */
export type StopCause = 'stopped' | 'shutdown' | 'packet_limit' | 'byte_limit' | 'time_limit';

/** A capture as it is kept: the spec, the state, and what delivery needs. */
export interface CaptureRecord {
  readonly id: string;
  readonly account_id: string;
  readonly principal_id: string;
  readonly spec: CaptureSpec;
  /** The account's scope at creation. */
  readonly scope: Scope;
  readonly status: Status;
  readonly submitted: TimeNs;
  /** When the first sensor armed, by the database's clock. */
  readonly armed_at?: TimeNs;
  /** When capturing ends; once it has ended, when it did. */
  readonly deadline?: TimeNs;
  readonly stop_requested?: TimeNs;
  readonly stop_cause?: StopCause;
  readonly ended_at?: TimeNs;
  readonly packets_captured?: bigint;
  readonly packets_dropped?: bigint;
  /** At most `packets_dropped` of the packets asked for were lost: how many exactly is not known. */
  readonly packets_dropped_is_upper_bound?: boolean;
  /** Samples of the past in the delivered file. */
  readonly packets_past?: bigint;
  readonly sample_rate?: number;
  readonly packets_estimated?: bigint;
  /** Of a look-back: its packet limit has kept out older packets. */
  readonly truncated?: boolean;
  /** Of a look-back: time of the oldest packet in its file. */
  readonly oldest_packet?: TimeNs;
  readonly error_message?: string;
  readonly size_bytes?: bigint;
  readonly sha256?: string;
  readonly delivery: Delivery;
  /** Size of every piece of an upload but the last. */
  readonly piece_bytes: number;
  /** Grows with every write of it or of what its parts tell; a write names the one it read. */
  readonly version: bigint;
}

/** How far one interface's part is. `uploaded`: in its place, confirmed by checksum. */
export type PartPhase = 'assigned' | 'armed' | 'ended' | 'uploaded' | 'failed' | 'excluded' | 'lost';

/** One interface's part of one capture, as it is kept. */
export interface PartRecord {
  readonly capture_id: string;
  readonly sensor: string;
  readonly interface: string;
  readonly colo: string;
  /** Place in the total order: sensor, then interface. */
  readonly ordinal: number;
  readonly phase: PartPhase;
  /** The sensor's epoch and the sequence of the newest report taken; 0 before the first. */
  readonly epoch?: string;
  readonly sequence: number;
  /** From here on the interface is captured: its past ends here, its present begins. By the sensor's wall clock. */
  readonly armed_at?: TimeNs;
  /** The sensor's wall clock less its monotonic one at `armed_at`, in nanoseconds: another one later says that it was set. */
  readonly clock_offset?: bigint;
  /** That moment by the database's clock, as well as control knows it. */
  readonly began_at?: TimeNs;
  readonly linktype?: number;
  readonly packets?: bigint;
  readonly bytes?: bigint;
  readonly dropped?: bigint;
  /** At most `dropped` of the packets asked for were lost: how many exactly is not known. */
  readonly dropped_is_upper_bound?: boolean;
  readonly interface_dropped?: bigint;
  readonly cut?: bigint;
  readonly stop_reason?: StopReason;
  readonly unordered?: boolean;
  readonly error?: string;
  /** What of it is or may be missing, and why: with it the capture is `complete`. */
  readonly missing?: string;
  /** What else its owner should know; it changes no status. */
  readonly note?: string;
  /** The multipart upload, stored before it is used. */
  readonly upload_id?: string;
  /** Which try of the sensor that upload belongs to: a part that had to be sorted is sent anew with the next number. */
  readonly upload_attempt?: number;
  /** Where the part goes: the delivered object's key, or a staging key. */
  readonly object_key?: string;
  readonly size_bytes?: bigint;
  readonly sha256?: string;
  readonly sample_rate?: number;
  readonly packets_estimated?: bigint;
  readonly coverage?: string;
  /** How much of the window of a look-back its samples cover. */
  readonly covered?: Covered;
  /** The oldest moment from which there are samples, whatever was asked. */
  readonly samples_from?: TimeNs;
  /** The newest moment up to which there are. */
  readonly samples_to?: TimeNs;
  /** Of a full capture with a look-back, once it was fetched or given up. */
  readonly past?: PartPast;
}
