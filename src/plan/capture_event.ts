import type { GrowingMember } from './join_parts.ts';
import type { Covered } from '../model/covered.ts';
import type { PartPast } from '../model/past.ts';
import type { StopReason } from '../model/stop_reason.ts';
import type { TimeNs } from '../model/time.ts';

/** The whole state of one part as its sensor tells it. */
export interface PartNews {
  readonly sensor: string;
  readonly interface: string;
  readonly epoch: string;
  readonly sequence: number;
  readonly phase: 'armed' | 'ended' | 'failed' | 'excluded';
  /** By the sensor's wall clock. */
  readonly armed_at?: TimeNs;
  /** How long before the event that was; absent where the sensor did not say. */
  readonly armed_ago_ns?: bigint;
  readonly clock_offset?: bigint;
  readonly linktype?: number;
  readonly packets?: bigint;
  readonly bytes?: bigint;
  readonly dropped?: bigint;
  readonly dropped_is_upper_bound?: boolean;
  readonly interface_dropped?: bigint;
  readonly unordered?: boolean;
  readonly stop_reason?: StopReason;
  readonly error?: string;
  /** What is or may be missing of the part, and why. */
  readonly missing?: string;
  /** What else is worth knowing of it. */
  readonly note?: string;
}

/** What one part contributed to the delivered file. */
export interface PartShare {
  readonly ordinal: number;
  readonly cut: bigint;
  /** Packets of it that were lost in the staging area, and why. */
  readonly lost?: { readonly packets: bigint; readonly reason: string };
}

/** What of one part's past is in the delivered file, by its streams in their order. */
export interface PastShare {
  readonly ordinal: number;
  readonly streams: readonly { readonly packets: bigint; readonly bytes: bigint }[];
  /** Why some of it is not, though it had arrived. */
  readonly lost?: string;
}

/** What one sensor's interface had to say in a look-back. */
export interface LookbackShare {
  readonly sensor: string;
  readonly interface: string;
  readonly colo: string;
  readonly outcome: 'answered' | 'no_answer' | 'failed' | 'excluded';
  readonly packets?: bigint;
  readonly bytes?: bigint;
  readonly dropped?: bigint;
  readonly dropped_is_upper_bound?: boolean;
  readonly sample_rate?: number;
  readonly packets_estimated?: bigint;
  readonly coverage?: string;
  /** Of the window. */
  readonly covered?: Covered;
  /** What of the window is or may be missing, and why. */
  readonly missing?: string;
  /** The oldest moment from which there are samples, whatever was asked. */
  readonly samples_from?: TimeNs;
  /** The newest moment up to which there are. */
  readonly samples_to?: TimeNs;
  readonly error?: string;
}

/** Everything that can happen to a capture. */
export type CaptureEvent =
  | { readonly kind: 'report'; readonly at: TimeNs; readonly news: PartNews }
  | {
      readonly kind: 'uploaded';
      readonly at: TimeNs;
      readonly sensor: string;
      readonly interface: string;
      readonly size_bytes: bigint;
      readonly sha256: string;
    }
  /** The past of a part was fetched, or cannot be had. */
  | {
      readonly kind: 'past';
      readonly at: TimeNs;
      readonly sensor: string;
      readonly interface: string;
      readonly past: PartPast;
    }
  | { readonly kind: 'stop'; readonly at: TimeNs; readonly cause: 'stopped' | 'shutdown' }
  /** Its owner wants nothing of it any more, whatever it has. */
  | { readonly kind: 'discard'; readonly at: TimeNs; readonly reason: string }
  /** Time passes; `heard` says when each sensor was last heard of. */
  | { readonly kind: 'tick'; readonly at: TimeNs; readonly heard: ReadonlyMap<string, TimeNs> }
  /** These sensors have other interfaces now than they had. */
  | { readonly kind: 'joined'; readonly at: TimeNs; readonly members: readonly GrowingMember[] }
  | {
      readonly kind: 'converted';
      readonly at: TimeNs;
      readonly packets: bigint;
      readonly size_bytes: bigint;
      readonly sha256: string;
      readonly shares: readonly PartShare[];
      readonly pasts: readonly PastShare[];
    }
  | { readonly kind: 'convert_failed'; readonly at: TimeNs; readonly reason: string }
  /** Something holds it up and is being tried again: the user may see what. */
  | { readonly kind: 'trouble'; readonly at: TimeNs; readonly reason: string }
  /** The first sensor has answered a look-back. */
  | { readonly kind: 'answering'; readonly at: TimeNs }
  /** A look-back's answers are in and are being merged. */
  | { readonly kind: 'merging'; readonly at: TimeNs }
  | {
      readonly kind: 'answered';
      readonly at: TimeNs;
      readonly packets: bigint;
      /** The packet limit has kept out older packets. */
      readonly truncated: boolean;
      /** Time of the oldest packet in the file; absent where it has none. */
      readonly oldest_packet?: TimeNs;
      readonly size_bytes: bigint;
      readonly sha256: string;
      readonly shares: readonly LookbackShare[];
    };
