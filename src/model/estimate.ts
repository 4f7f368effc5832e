import type { FullSpec, SimpleSpec } from './capture.ts';
import type { TimeNs } from './time.ts';

/** What an estimate is asked for: a capture, checked. Nothing is delivered, so a full one needs no bucket. */
export type EstimateSpec = SimpleSpec | Omit<FullSpec, 'destination_conf' | 'ownership_id'>;

/** Packets from one address to another, estimated from the samples. */
export interface Talker {
  readonly source: string;
  readonly destination: string;
  readonly packets_estimated: bigint;
  readonly bytes_estimated: bigint;
}

/** What the samples of one interface say. Not known = left out, never zero in its place. */
export interface EstimateShare {
  readonly sensor: string;
  readonly interface: string;
  readonly colo: string;
  readonly status: 'done' | 'failed' | 'no_answer' | 'excluded';
  /** Sampled packets of the observed time that match, and their captured bytes: counted. */
  readonly packets?: bigint;
  readonly bytes?: bigint;
  /** Matching packets that pass in the time of the capture, sampled or not, and their whole bytes; limits aside. */
  readonly packets_estimated?: bigint;
  readonly bytes_estimated?: bigint;
  /** Sampled packets that were lost before they could be kept, matching or not. */
  readonly dropped?: bigint;
  /** 1 in N was kept; the greatest N over the observed time. */
  readonly sample_rate?: number;
  /** What the samples do not cover, for people. */
  readonly coverage?: string;
  readonly error?: string;
}

/** What a capture would catch. Not known = left out, never zero in its place. */
export interface Estimate {
  readonly type: 'simple' | 'full';
  readonly time_limit_s: number;
  /** The time whose samples it was made from, (from, to]. */
  readonly observed_from: TimeNs;
  readonly observed_to: TimeNs;
  /** What the file would have, within the limits. */
  readonly packets?: bigint;
  readonly bytes?: bigint;
  /** Matching packets that pass in the time of the capture, sampled or not; limits aside. */
  readonly packets_estimated?: bigint;
  readonly bytes_estimated?: bigint;
  /** When a limit is reached: after the beginning (full), before `offset_time` (simple). Absent where it is not. */
  readonly time_to_packet_limit_ns?: bigint;
  readonly time_to_byte_limit_ns?: bigint;
  /** The greatest of all interfaces. */
  readonly sample_rate?: number;
  /** What is missing. */
  readonly error_message?: string;
  /** The ten with the most bytes. */
  readonly talkers: readonly Talker[];
  readonly shares: readonly EstimateShare[];
}
