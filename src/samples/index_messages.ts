import type { IndexFormula } from '../filter/index_formula.ts';
import type { GrowingIndex } from './scan_job.ts';

/** A segment, by the store's own number for it. */
export interface SegmentToIndex {
  readonly key: number;
  readonly directory: string;
  readonly number: number;
  readonly linktype: number;
}

/** What the store says to the indexer. */
export type ToIndexer =
  /** Index this segment as it grows: its length is what its slot of the sampler's state says. */
  | {
      readonly kind: 'follow';
      readonly segment: SegmentToIndex;
      readonly state: SharedArrayBuffer;
      readonly slot: number;
    }
  /** Index this segment, which is sealed, up to this length, and write the index. */
  | { readonly kind: 'seal'; readonly segment: SegmentToIndex; readonly length: number }
  /** This segment is gone. */
  | { readonly kind: 'forget'; readonly key: number }
  /** End, between two slices: no file is left half written. */
  | { readonly kind: 'stop' }
  /** What do the segments that have no index file yet have to say to this? */
  | { readonly kind: 'ask'; readonly id: number; readonly formula: IndexFormula; readonly inner?: IndexFormula };

/** What the indexer says to the store. */
export type FromIndexer =
  | { readonly kind: 'indexed'; readonly key: number; readonly bytes: number }
  /** The packets cannot be read to the end, the disk is full, or it does not take the index for another reason. */
  | {
      readonly kind: 'failed';
      readonly key: number;
      readonly cause: 'packets' | 'full' | 'write';
      readonly reason: string;
    }
  | { readonly kind: 'answer'; readonly id: number; readonly growing: readonly (readonly [number, GrowingIndex])[] };
