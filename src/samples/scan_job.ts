import type { IndexFormula } from '../filter/index_formula.ts';
import type { Program } from '../libpcap/program.ts';
import type { TimeNs } from '../model/time.ts';

/** A segment to be searched, with files that the caller holds open. */
export interface ScanSegment {
  /** Number of its stream, counted in the order of interface and link type. */
  readonly stream: number;
  readonly number: number;
  readonly linktype: number;
  readonly descriptor: number;
  /** Bytes of the packet file that may be read. */
  readonly length: number;
  /** Where its header file is, which has the sums of the packet file. */
  readonly header_path: string;
  /** CRC-32 of all records up to `length`, as the sampler published it that writes it. */
  readonly checksum?: number;
  /** No packet in it is older, or newer. */
  readonly least: TimeNs;
  readonly greatest: TimeNs;
  /** Its index file; absent where it has none. */
  readonly index_descriptor?: number;
  /** What is known of it while it grows. */
  readonly growing?: GrowingIndex;
}

/** What the index of a segment that still grows has to say to one query. */
export interface GrowingIndex {
  /** Entries of its blocks, as in an index file. */
  readonly blocks: Uint8Array;
  /** Up to here the packet file is in them. */
  readonly end: number;
  /** The blocks that may match, ascending; absent where all may. */
  readonly candidates?: Int32Array;
}

/** The filters of one stream: one of the two at least. */
export interface StreamFilter {
  readonly stream: number;
  /** Of the packet as it is; absent where none of its link type can match. */
  readonly program?: Program;
  /** What the packet must match for what is inside it to count; absent where nothing inside counts. */
  readonly scope?: Program;
}

/** What to look for, and where. */
export interface ScanJob {
  /** Packets later than `from`, and not later than `to`. */
  readonly from: TimeNs;
  readonly to: TimeNs;
  readonly snaplen_bytes: number;
  readonly filters: readonly StreamFilter[];
  /** What every packet that matches satisfies, by its outer header. */
  readonly formula: IndexFormula;
  /** The filter of the IP packets inside (link type 101), and what those that match satisfy. */
  readonly inner?: { readonly program: Program; readonly formula: IndexFormula };
  readonly segments: readonly ScanSegment[];
}

/** Part of a segment that could not be read, as the time in which its packets may lie. */
export interface ScanDamage {
  readonly stream: number;
  readonly from: TimeNs;
  readonly to: TimeNs;
}

/** Something on the disk that is not as it was written. */
export interface FoundDamage {
  readonly stream: number;
  readonly segment: number;
  readonly what: 'index' | 'packets';
  readonly reason: string;
  /** Of an index that a later version wrote. */
  readonly version?: number;
}
