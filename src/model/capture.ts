import type { Covered } from './covered.ts';
import type { FilterV1 } from './filter_v1.ts';
import type { Status } from './status.ts';
import type { StopReason } from './stop_reason.ts';
import type { TimeNs } from './time.ts';

/** The form of a result file. */
export type FileFormat = 'pcap' | 'pcapng';

interface SpecBase {
  readonly system: 'magic-transit';
  /** 1 to 300 (simple), 1 to 86400 (full). */
  readonly time_limit_s: number;
  readonly filter_v1: FilterV1;
  /** libpcap syntax, as the user wrote it. */
  readonly filter_expression?: string;
  readonly format: FileFormat;
}

/** A look-back, checked: `time_limit_s` seconds backwards from `offset_time`, the newest `packet_limit` packets. */
export interface SimpleSpec extends SpecBase {
  readonly type: 'simple';
  readonly packet_limit: number;
  /** Resolved at creation: the time of the request where the user gave none. */
  readonly offset_time: TimeNs;
  /** The filter may match an IP packet further in instead: behind MPLS or PPPoE, or in a tunnel. Absent where it may not. */
  readonly match_inner?: true;
}

/** A capture of the future, checked. */
export interface FullSpec extends SpecBase {
  readonly type: 'full';
  readonly packet_limit?: number;
  /** Captured packet bytes (sum of captured lengths). */
  readonly byte_limit?: number;
  /** The file begins with so many seconds of samples from before the capture, 1 to 86400. */
  readonly lookback_s?: number;
  readonly colo_name: string;
  /** Canonical and without secrets. */
  readonly destination_conf: string;
  readonly ownership_id: string;
}

/** What a user asked for, after every check. */
export type CaptureSpec = SimpleSpec | FullSpec;

/** What one interface's samples gave to a full capture that looks back. */
export interface PastResult {
  /** Packets of the past: fetched; once delivered, those in the file. */
  readonly packets?: bigint;
  readonly bytes?: bigint;
  readonly dropped?: bigint;
  /** At most `dropped` of the packets asked for were lost: how many exactly is not known. */
  readonly dropped_is_upper_bound?: boolean;
  readonly sample_rate?: number;
  /** There may be older ones that match: the limit has kept them out. */
  readonly truncated?: boolean;
  /** How much of its window the samples cover; left out where it is not known. */
  readonly covered?: Covered;
  readonly coverage?: string;
  readonly error?: string;
}

/** What happened on one interface of one sensor. Not known = left out, never zero in its place. */
export interface PartResult {
  readonly sensor: string;
  readonly interface: string;
  readonly colo: string;
  readonly status: 'pending' | 'running' | 'uploading' | 'done' | 'failed' | 'no_answer' | 'excluded';
  /** Packets written. Of a full capture: written = delivered + cut. */
  readonly packets?: bigint;
  readonly bytes?: bigint;
  /** Lost in the kernel's ring (`ps_drop` and unread). */
  readonly dropped?: bigint;
  /** At most `dropped` of the packets asked for were lost: how many exactly is not known. */
  readonly dropped_is_upper_bound?: boolean;
  /** Lost by the interface itself, unfiltered (`ps_ifdrop`): never part of a sum. */
  readonly interface_dropped?: bigint;
  /** Packets written that the limits cut from the delivered file. */
  readonly cut?: bigint;
  readonly stop_reason?: StopReason;
  readonly error?: string;
  /** What of it is or may be missing, and why: with it the capture is `complete`. */
  readonly missing?: string;
  /** What else its owner should know; it changes no status. */
  readonly note?: string;
  /** Simple: 1 in N was kept; the greatest N over the window. */
  readonly sample_rate?: number;
  /** Simple: how many packets of the window match, sampled or not, as far as it is covered. */
  readonly packets_estimated?: bigint;
  /** Simple: what the answer does not cover, for people. */
  readonly coverage?: string;
  /** Simple: how much of the window the samples cover. */
  readonly covered?: Covered;
  /** Simple: the oldest moment from which there are samples, whatever was asked. */
  readonly samples_from?: TimeNs;
  /** Simple: the newest moment up to which there are. */
  readonly samples_to?: TimeNs;
  /** Of a full capture that looks back: the samples from before it. All else here is of what came after. */
  readonly past?: PastResult;
}

/** One request and its result. */
export interface Capture {
  readonly id: string;
  readonly account_id: string;
  readonly spec: CaptureSpec;
  readonly status: Status;
  readonly submitted: TimeNs;
  readonly stop_requested?: TimeNs;
  /** Full: when the clock ends it, set when the first sensor armed. */
  readonly deadline?: TimeNs;
  readonly packets_captured?: bigint;
  readonly packets_dropped?: bigint;
  /** At most `packets_dropped` of the packets asked for were lost: how many exactly is not known. */
  readonly packets_dropped_is_upper_bound?: boolean;
  /** Samples of the past, which `packets_captured` does not count. */
  readonly packets_past?: bigint;
  readonly sample_rate?: number;
  readonly packets_estimated?: bigint;
  /** Simple: its packet limit has kept out older packets. */
  readonly truncated?: boolean;
  /** Simple: time of the oldest packet in the file. */
  readonly oldest_packet?: TimeNs;
  readonly error_message?: string;
  readonly parts: readonly PartResult[];
  /** Size of the result file, once there is one. */
  readonly size_bytes?: bigint;
}
