import type { RingShape } from '../model/ring_budget.ts';

/**
 * The rings of full captures. A block is what the kernel hands over at once; 8 of them last for a second of few packets. Memories are of
 * 1 MiB, and a batch that goes beyond it.
 */
export const captureRings: RingShape = {
  block_bytes: 256 << 10,
  least_bytes: 2 << 20,
  memory_bytes: 5 << 18,
  memories: { least: 2, most: 8 },
  ring_of_memory_bytes: 4 << 20,
};
