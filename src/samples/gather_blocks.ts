import { readSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import type { RecordMemory } from '../libpcap/record_filter.ts';
import type { SegmentBlocks } from './segment_blocks.ts';
import type { SplitTime } from './split_time.ts';

/** Blocks in memory, in the order of the file, at the end of the memory. */
export interface GatheredBlocks {
  /** Their first byte in the memory; the last is the memory's last. */
  readonly start: number;
  /** Where the first block that was read begins in the packet file; 0 where none was. */
  readonly offset: number;
  /** The number to go on below; 0 where there is nothing left. */
  readonly next: number;
  /** All their records are in the window. */
  readonly within: boolean;
  /** Blocks that are not as they were written. They are not among the gathered. */
  readonly damaged: readonly { readonly from: SplitTime; readonly to: SplitTime }[];
}

/** What to gather. */
export interface GatherWindow {
  readonly after: SplitTime;
  readonly until: SplitTime;
  /** Stop once there are so many bytes. */
  readonly enough_bytes: number;
}

/**
 * Reads the candidate blocks below number `from` that a window touches into memory, the last ones first, neighbours at once, and checks their
 * checksums.
 */
export function gatherBlocks(
  descriptor: number,
  { entries, candidates }: SegmentBlocks,
  from: number,
  { after, until, enough_bytes }: GatherWindow,
  memory: RecordMemory,
): GatheredBlocks {
  const damaged: { from: SplitTime; to: SplitTime }[] = [];
  let start = memory.capacity_bytes;
  let [offset, within] = [0, true];
  let block = candidates.before(from);
  while (block >= 0 && memory.capacity_bytes - start < enough_bytes) {
    if (!entries.touches(block, after, until)) {
      block = candidates.before(block);
      continue;
    }
    const end = entries.offset(block + 1);
    let first = block;
    let before = candidates.before(first);
    within &&= entries.within(block, after, until);
    while (before >= 0 && before === first - 1 && entries.touches(before, after, until)) {
      if (memory.capacity_bytes - start + end - entries.offset(before) > enough_bytes) break;
      within &&= entries.within(before, after, until);
      first = before;
      before = candidates.before(first);
    }
    offset = entries.offset(first);
    const length = end - offset;
    if (length > start) throw new RangeError(`blocks of ${length} bytes do not fit into ${start}`);
    start -= length;
    const got = readSync(descriptor, memory.bytes, start, length, offset);
    start = dropDamaged(start, got, first, block, entries, memory, damaged);
    block = before;
  }
  return { start, offset, next: block + 1, within, damaged };
}

/** Checks the blocks `first` to `last` of which `got` bytes were read to `start`; moves the good ones up where others go. */
function dropDamaged(
  start: number,
  got: number,
  first: number,
  last: number,
  entries: SegmentBlocks['entries'],
  { bytes }: RecordMemory,
  damaged: { from: SplitTime; to: SplitTime }[],
): number {
  const base = entries.offset(first);
  let to = start + entries.offset(last + 1) - base;
  for (let block = last; block >= first; block -= 1) {
    const [from, end] = [entries.offset(block) - base, entries.offset(block + 1) - base];
    const good = end <= got && crc32(bytes.subarray(start + from, start + end)) === entries.checksum(block);
    if (!good) damaged.push({ from: entries.least(block), to: entries.greatest(block) });
    else {
      to -= end - from;
      if (to !== start + from) bytes.copyWithin(to, start + from, start + end);
    }
  }
  return to;
}
