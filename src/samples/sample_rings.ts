import type { RingShape } from '../model/ring_budget.ts';

/** The rings of sampling: the least holds 1,000 packets, one of 28 MiB 122,000. What is read out at once fills one memory for 1 MiB of ring, and at most 8. */
export const sampleRings: RingShape = {
  block_bytes: 64 << 10,
  least_bytes: 256 << 10,
  memory_bytes: 160 << 10,
  memories: { least: 1, most: 8 },
  ring_of_memory_bytes: 1 << 20,
};

/** The largest ring of sampling. */
export const sample_ring_most_bytes: number = 28 << 20;
