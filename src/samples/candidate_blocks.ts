import type { BlockBits } from './index/block_bits.ts';

/** Goes through blocks from the last to the first. */
export interface CandidateBlocks {
  /** The greatest candidate below `limit`; -1 where there is none. */
  before(limit: number): number;
}

/** All of them. */
export const everyBlock: CandidateBlocks = { before: (limit) => limit - 1 };

/** Those of a set, or all where there is no set. */
export function blocksOf(bits: BlockBits | undefined): CandidateBlocks {
  return bits ?? everyBlock;
}

/** Those of an ascending list. */
export function blocksListed(list: Int32Array): CandidateBlocks {
  return {
    before: (limit) => {
      let [low, high] = [0, list.length];
      while (low < high) {
        const middle = (low + high) >>> 1;
        if ((list[middle] ?? 0) < limit) low = middle + 1;
        else high = middle;
      }
      return low === 0 ? -1 : (list[low - 1] ?? -1);
    },
  };
}
