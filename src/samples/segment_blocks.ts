import { BlockEntries, blocksInMemory } from './index/block_entries.ts';
import { formulaBlocks } from './index/formula_blocks.ts';
import type { IndexShelf } from './index/index_shelf.ts';
import { indexedLinktypes } from './index/indexed_linktypes.ts';
import { blocksListed, blocksOf, type CandidateBlocks, everyBlock } from './candidate_blocks.ts';
import type { ScanJob, ScanSegment } from './scan_job.ts';

/** The blocks of a segment that have to be read for a job. */
export interface SegmentBlocks {
  readonly entries: BlockEntries;
  readonly candidates: CandidateBlocks;
  /** Where the last block ends: what comes after it has to be read whole. */
  readonly end: number;
}

/** What the index of a segment has to say to a job; undefined where it has none. Throws `IndexDamage`. */
export function segmentBlocks(segment: ScanSegment, job: ScanJob, indexes: IndexShelf): SegmentBlocks | undefined {
  const { growing, index_descriptor } = segment;
  if (growing !== undefined) {
    const entries = new BlockEntries(blocksInMemory(growing.blocks, growing.end));
    const list = indexedLinktypes.has(segment.linktype) ? growing.candidates : undefined;
    const candidates = list === undefined ? everyBlock : blocksListed(list);
    return { entries, candidates, end: growing.end };
  }
  if (index_descriptor === undefined) return undefined;
  const file = indexes.open(index_descriptor, segment);
  if (!indexedLinktypes.has(segment.linktype)) {
    return { entries: new BlockEntries(file), candidates: everyBlock, end: segment.length };
  }
  const found = formulaBlocks(job.formula, 'outer', file);
  if (found !== undefined && job.inner !== undefined) {
    const inside = formulaBlocks(job.inner.formula, 'inner', file);
    if (inside === undefined) return { entries: new BlockEntries(file), candidates: everyBlock, end: segment.length };
    found.or(inside);
  }
  return { entries: new BlockEntries(file), candidates: blocksOf(found), end: segment.length };
}
