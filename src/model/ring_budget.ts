/** What rings of one kind are like. */
export interface RingShape {
  /** A ring is made of whole blocks of this size. */
  readonly block_bytes: number;
  readonly least_bytes: number;
  /** What is read out of it goes into memories of this size: so many where the ring is small, and where it is large. */
  readonly memory_bytes: number;
  readonly memories: { readonly least: number; readonly most: number };
  /** A ring has one memory for each so many bytes. */
  readonly ring_of_memory_bytes: number;
}

/** So much of what makes rings larger is kept for those that come later: of that, a ring takes at most so much again. */
const kept = 1 / 4;

/** How large a ring is to be. */
export interface RingWish {
  /** It is never larger. */
  readonly most_bytes: number;
  /** Its share of what the capture may take, 0 to 1: that of its traffic, where the capture has several interfaces. */
  readonly share: number;
  /** Whose it is; what belongs to nobody has no bound but that of all. */
  readonly owner?: string;
}

/** A ring's share of the memory, from its taking until it is given back. */
export interface RingGrant {
  readonly ring_bytes: number;
  /** Memories that its packets may be read into, at most. */
  readonly memories: number;
}

/** What a ring has of what makes rings larger. */
interface Extra {
  readonly bytes: number;
  readonly owner: string | undefined;
}

/**
 * Shares memory out to rings. Half of it is for rings of the least size, of which so many can surely be there at one time; the other half makes
 * them larger, for those that have it first and for those with the traffic. Of that other half one owner has so much at most: the rings of
 * the next are larger than the least, too.
 */
export class RingBudget {
  /** So many rings can be there at one time, whatever their sizes are. */
  readonly rings_max: number;
  readonly limit_bytes: number;
  readonly #shape: RingShape;
  readonly #owner_percent: number;
  readonly #grants = new Map<RingGrant, Extra>();
  /** What makes rings larger than the least: all of it, and what is left. */
  readonly #extra_total_bytes: number;
  #extra_bytes: number;

  /** @param owner_percent how much one owner may have of what makes rings larger, in hundredths */
  constructor(limit_bytes: number, shape: RingShape, owner_percent = 100) {
    this.#shape = shape;
    this.#owner_percent = owner_percent;
    const least = this.#costOf(shape.least_bytes);
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
  take({ most_bytes, share, owner }: RingWish): RingGrant | undefined {
    if (this.#grants.size >= this.rings_max) return undefined;
    const { block_bytes, least_bytes } = this.#shape;
    const least = this.#costOf(least_bytes);
    const first_bytes = Math.max(this.#extra_bytes * kept, this.#extra_bytes - this.#extra_total_bytes * kept);
    const open_bytes = Math.min(first_bytes, this.#extraLeft(owner));
    const room = least + open_bytes * Math.max(0, Math.min(1, share));
    let ring_bytes = Math.min(most_bytes, Math.floor(room / block_bytes) * block_bytes);
    while (ring_bytes > least_bytes && this.#costOf(ring_bytes) > room) ring_bytes -= block_bytes;
    ring_bytes = Math.max(ring_bytes, Math.min(most_bytes, least_bytes));
    const extra_bytes = Math.max(0, this.#costOf(ring_bytes) - least);
    const grant = { ring_bytes, memories: this.#memoriesOf(ring_bytes) };
    this.#extra_bytes -= extra_bytes;
    this.#grants.set(grant, { bytes: extra_bytes, owner });
    return grant;
  }

  /** Gives the memory of a ring that is closed back. Safe to call twice. */
  giveBack(grant: RingGrant): void {
    this.#extra_bytes += this.#grants.get(grant)?.bytes ?? 0;
    this.#grants.delete(grant);
  }

  /** What an owner may still have of what makes rings larger. */
  #extraLeft(owner: string | undefined): number {
    if (owner === undefined) return Number.POSITIVE_INFINITY;
    let bytes = (this.#extra_total_bytes * this.#owner_percent) / 100;
    for (const extra of this.#grants.values()) if (extra.owner === owner) bytes -= extra.bytes;
    return Math.max(0, bytes);
  }

  #memoriesOf(ring_bytes: number): number {
    const { memories, ring_of_memory_bytes } = this.#shape;
    return Math.max(memories.least, Math.min(memories.most, Math.floor(ring_bytes / ring_of_memory_bytes)));
  }

  /** All that a ring of this size takes. */
  #costOf(ring_bytes: number): number {
    return ring_bytes + this.#memoriesOf(ring_bytes) * this.#shape.memory_bytes;
  }
}
