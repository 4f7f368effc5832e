import type { HostInterface } from '../libpcap/interfaces.ts';
import type { Program } from '../libpcap/program.ts';
import type { Fault } from '../model/errors/fault.ts';
import type { StopReason } from '../model/stop_reason.ts';
import type { TimeNs } from '../model/time.ts';
import type { CaptureProgress } from './capture_control.ts';
import type { RunEnd } from './run_end.ts';

/** What one interface is to capture for one capture. */
export interface ArmRequest {
  readonly capture_id: string;
  /** Names the part's file within the capture; the interface's name, normally. */
  readonly part: string;
  /** Whose share of the spool it takes: an account. */
  readonly owner?: string;
  readonly interface: HostInterface;
  /** Made for the interface's link type, as `probeLinktype` tells it. */
  readonly program: Program;
  /** Bytes kept of each packet at most. */
  readonly snaplen_bytes: number;
  readonly packet_limit?: number;
  /** Captured packet bytes. */
  readonly byte_limit?: number;
  /** From the moment of arming. */
  readonly time_limit_ms: number;
  /** Leave out what is stamped before `armed_at` though it comes: the samples have it. False by default. */
  readonly leave_out_earlier?: boolean;
}

/** How far a part has come. */
export interface PartProgress extends CaptureProgress {
  /** Lost by the interface itself since arming, unfiltered; left out where it does not say. */
  readonly interface_dropped?: bigint;
}

/** How a part ended. Packets that passed the filter = packets + dropped + beyond_limit + earlier +
 * unread, exactly. */
export interface PartEnd extends Omit<RunEnd, 'first' | 'last' | 'error'> {
  readonly interface_dropped?: bigint;
  /** Times of the earliest and the latest packet in the file; left out where it has none. */
  readonly first_time?: TimeNs;
  readonly last_time?: TimeNs;
  readonly error?: Fault;
}

/** One interface's part of a capture, from its arming on. */
export interface Part {
  /** LINKTYPE_ number of its file. */
  readonly linktype: number;
  /** The file: a classic pcap, in nanoseconds, as far as `progress` says. */
  readonly path: string;
  /** From here on packets are captured; wall clock, read when the filter was in force and the socket bound. */
  readonly armed_at: TimeNs;
  /** The wall clock less the monotonic one then, in nanoseconds. */
  readonly clock_offset: bigint;
  progress(): PartProgress;
  /** Ends it; what came up to now will be in the file. The first reason stays. */
  stop(reason: StopReason): void;
  /** Moves the end by the clock to `ms` from now. */
  setDeadline(ms: number): void;
  /** Resolves once the file is complete and on the disk. Never rejects: a failure is an end, with its error. */
  readonly ended: Promise<PartEnd>;
}
