import type { Covered } from './covered.ts';

/** Samples of one link type in the past of a part. */
export interface PastStream {
  readonly linktype: number;
  /** Packets and their captured bytes: as fetched; once the capture is delivered, those in its file. */
  readonly packets: bigint;
  readonly bytes: bigint;
  /** Packets that matched or not, sampled and lost on the way. */
  readonly dropped: bigint;
  /** At most `dropped` of the packets asked for were lost. */
  readonly dropped_is_upper_bound?: boolean;
  /** 1 in N was kept; the greatest N over the past. Left out where nothing was sampled. */
  readonly sample_rate?: number;
  /** There may be older ones that match: the limit has kept them out. */
  readonly truncated: boolean;
  /** Where they wait in the staging area; left out where there are none. */
  readonly key?: string;
}

/**
 * The past of one interface's part: what its sensor had sampled of the same filter in the seconds before the part armed,
 * [armed_at - lookback, armed_at). It is fetched once and stays.
 */
export interface PartPast {
  /** One for each link type that the interface had; none where nothing was sampled or it failed. */
  readonly streams: readonly PastStream[];
  /** How much of its window the samples cover; left out where it is not known. */
  readonly covered?: Covered;
  /** What the samples do not cover, and what makes their times doubtful, for people. */
  readonly coverage?: string;
  /** What of it is or may be missing, and why: with it the capture is `complete`. */
  readonly missing?: string;
  /** Why it could not be had. */
  readonly error?: string;
}
