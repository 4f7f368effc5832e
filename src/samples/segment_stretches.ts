import { readFileSync, readSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import type { TimeNs } from '../model/time.ts';
import { pcapHeaderBytes } from '../pcap/pcap_header.ts';
import { readSegmentHeader } from './segment_header.ts';
import { readSegmentMarks, type SegmentSum } from './segment_mark.ts';

/** A stretch of a packet file, whole records from `from` up to `to`. */
export interface SegmentStretch {
  readonly from: number;
  readonly to: number;
  /** The CRC-32 of all records up to `from`, and of those up to `to`; absent where nothing vouches for the stretch. */
  readonly vouched?: { readonly before: number; readonly after: number };
  /** Its packets are later than this; absent in the first stretch. */
  readonly after?: TimeNs;
  /** No packet up to `to` is later; absent where that is not known. */
  readonly greatest?: TimeNs;
}

/**
 * The stretches of a packet file up to `length`, in order, by its sums. `checksum`: that of all records up to `length`, where it is known
 * otherwise. A last stretch that nothing vouches for is one of them: that of a crash, or all of a file without sums.
 */
export function segmentStretches(sums: readonly SegmentSum[], length: number, checksum?: number): SegmentStretch[] {
  const stretches: SegmentStretch[] = [];
  let [from, before] = [pcapHeaderBytes, 0];
  let after: TimeNs | undefined;
  for (const sum of sums) {
    if (sum.offset <= from || sum.offset > length) continue;
    const { offset: to, greatest } = sum;
    stretches.push({ from, to, vouched: { before, after: sum.checksum }, ...sinceOf(after), greatest });
    [from, before, after] = [to, sum.checksum, sum.watermark];
  }
  if (from >= length) return stretches;
  const vouched = checksum === undefined ? {} : { vouched: { before, after: checksum } };
  stretches.push({ from, to: length, ...vouched, ...sinceOf(after) });
  return stretches;
}

function sinceOf(after: TimeNs | undefined): { readonly after?: TimeNs } {
  return after === undefined ? {} : { after };
}

/** Reads the sums of a header file; none where it is gone or has none. Throws what else the file system throws. */
export function readSegmentSums(header_path: string): readonly SegmentSum[] {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(header_path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
  const read = readSegmentHeader(bytes);
  return read.kind === 'good' ? (readSegmentMarks(bytes, read.length).sums ?? []) : [];
}

/** Compares a stretch with its sum, in steps. */
export class StretchCheck {
  readonly stretch: SegmentStretch;
  #at: number;
  #checksum: number;

  constructor(stretch: SegmentStretch) {
    this.stretch = stretch;
    this.#at = stretch.vouched === undefined ? stretch.to : stretch.from;
    this.#checksum = stretch.vouched?.before ?? 0;
  }

  /**
   * Reads on, at most as much as `buffer` takes. Bytes that are `missing` cannot be compared: the records before them are what
   * their structure says.
   */
  step(descriptor: number, buffer: Uint8Array): 'more' | 'good' | 'damaged' | 'missing' {
    const { to, vouched } = this.stretch;
    if (this.#at < to) {
      const got = readSync(descriptor, buffer, 0, Math.min(buffer.length, to - this.#at), this.#at);
      if (got === 0) return 'missing';
      this.#checksum = crc32(buffer.subarray(0, got), this.#checksum);
      this.#at += got;
      if (this.#at < to) return 'more';
    }
    return vouched === undefined || vouched.after === this.#checksum ? 'good' : 'damaged';
  }
}

/** What is said of a stretch whose bytes are not those that were written. */
export function damagedStretchText({ from, to }: SegmentStretch): string {
  return `the bytes from ${from} to ${to} do not have the checksum they were written with`;
}
