/** A block of a ring: the kernel hands these over whole, and a ring is made of nothing else. */
const block_bytes = 256 << 10;
/** A ring of 8 blocks lasts for a second of few packets, or for 2 MiB of many. */
const least_ring_bytes = 2 << 20;
/** What a memory that packets are read into takes: 1 MiB, and the batch that goes beyond it. */
const memory_bytes = 5 << 18;
const memories = { least: 2, most: 8 };
/** A ring so many times as large as a memory has one memory more. */
const ring_of_memory_bytes = 4 << 20;
/** So much of what makes rings larger is kept for those that come later: of that, a ring takes at most so much again. */
const kept = 1 / 4;

/** How large a ring is to be. */
export interface RingWish {
  /** It is never larger. */
  readonly most_bytes: number;
  /** Its share of what the capture may take, 0 to 1: that of its traffic, where the capture has several interfaces. */
  readonly share: number;
}

/** A ring's share of the memory, from its taking until it is given back. */
export interface RingGrant {
  readonly ring_bytes: number;
  /** Memories of 1 MiB that its packets may be read into. */
  readonly memories: number;
}

/** Memories that a ring of this size has. */
function memoriesOf(ring_bytes: number): number {
  return Math.max(memories.least, Math.min(memories.most, Math.floor(ring_bytes / ring_of_memory_bytes)));
}

/** All that a ring of this size takes. */
function costOf(ring_bytes: number): number {
  return ring_bytes + memoriesOf(ring_bytes) * memory_bytes;
}

/**
 * Shares a sensor's memory for captures out to their rings. Half of it is for rings of the least size, which so many captures can
 * surely have at one time; the other half makes them larger, for those that have it first and for those with the traffic.
 */
export class RingBudget {
  /** So many rings can be there at one time, whatever their sizes are. */
  readonly rings_max: number;
  readonly limit_bytes: number;
  readonly #grants = new Map<RingGrant, number>();
  /** What makes rings larger than the least: all of it, and what is left. */
  readonly #extra_total_bytes: number;
  #extra_bytes: number;

  constructor(limit_bytes: number) {
    const least = costOf(least_ring_bytes);
    this.limit_bytes = limit_bytes;
    this.rings_max = Math.max(1, Math.floor(limit_bytes / 2 / least));
    this.#extra_total_bytes = Math.max(0, limit_bytes - this.rings_max * least);
    this.#extra_bytes = this.#extra_total_bytes;
  }

  /** Rings that have memory now. */
  get rings(): number {
    return this.#grants.size;
  }

  /** Memory of a ring; undefined where there is none for another. */
  take({ most_bytes, share }: RingWish): RingGrant | undefined {
    if (this.#grants.size >= this.rings_max) return undefined;
    const least = costOf(least_ring_bytes);
    const open_bytes = Math.max(this.#extra_bytes * kept, this.#extra_bytes - this.#extra_total_bytes * kept);
    const room = least + open_bytes * Math.max(0, Math.min(1, share));
    let ring_bytes = Math.min(most_bytes, Math.floor(room / block_bytes) * block_bytes);
    while (ring_bytes > least_ring_bytes && costOf(ring_bytes) > room) ring_bytes -= block_bytes;
    ring_bytes = Math.max(ring_bytes, Math.min(most_bytes, least_ring_bytes));
    const extra_bytes = Math.max(0, costOf(ring_bytes) - least);
    const grant = { ring_bytes, memories: memoriesOf(ring_bytes) };
    this.#extra_bytes -= extra_bytes;
    this.#grants.set(grant, extra_bytes);
    return grant;
  }

  /** Gives the memory of a ring that is closed back. Safe to call twice. */
  giveBack(grant: RingGrant): void {
    this.#extra_bytes += this.#grants.get(grant) ?? 0;
    this.#grants.delete(grant);
  }
}
