/**
 * A binary heap of sources by the time of the packet that each has at its head; the same time goes by rank. `oldest` has the
 * earliest packet (then the lowest rank) on top, `newest` the latest (then the highest rank).
 */
export class HeadHeap {
  readonly #sign: number;
  #heap: Uint32Array;
  #seconds: Float64Array;
  #nanos: Uint32Array;
  #ranks: Float64Array;
  #size = 0;

  /** `sources` is how many it has room for at first. */
  constructor(sources: number, first: 'oldest' | 'newest') {
    this.#sign = first === 'oldest' ? 1 : -1;
    this.#heap = new Uint32Array(sources);
    this.#seconds = new Float64Array(sources);
    this.#nanos = new Uint32Array(sources);
    this.#ranks = new Float64Array(sources);
  }

  get size(): number {
    return this.#size;
  }

  /** The source on top; only where `size` is not 0. */
  get top(): number {
    return this.#heap[0] ?? 0;
  }

  /** Adds a source that is not in the heap. */
  add(source: number, seconds: number, nanos: number, rank: number): void {
    if (source >= this.#heap.length) this.#grow(2 * source);
    this.#seconds[source] = seconds;
    this.#nanos[source] = nanos;
    this.#ranks[source] = rank;
    let at = this.#size++;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = this.#heap[parent] ?? 0;
      if (!this.#before(source, above)) break;
      this.#heap[at] = above;
      at = parent;
    }
    this.#heap[at] = source;
  }

  /** Gives the source on top its next packet's time. */
  replaceTop(seconds: number, nanos: number): void {
    const source = this.top;
    this.#seconds[source] = seconds;
    this.#nanos[source] = nanos;
    this.#sink(source);
  }

  /** Takes the source on top out. */
  removeTop(): void {
    this.#size--;
    if (this.#size > 0) this.#sink(this.#heap[this.#size] ?? 0);
  }

  #grow(sources: number): void {
    const copy = <T extends Uint32Array | Float64Array>(from: T, to: T): T => {
      to.set(from);
      return to;
    };
    this.#heap = copy(this.#heap, new Uint32Array(sources));
    this.#seconds = copy(this.#seconds, new Float64Array(sources));
    this.#nanos = copy(this.#nanos, new Uint32Array(sources));
    this.#ranks = copy(this.#ranks, new Float64Array(sources));
  }

  /** Puts a source in at the top and lets it sink to its place. */
  #sink(source: number): void {
    const heap = this.#heap;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= this.#size) break;
      if (child + 1 < this.#size && this.#before(heap[child + 1] ?? 0, heap[child] ?? 0)) child++;
      const below = heap[child] ?? 0;
      if (!this.#before(below, source)) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = source;
  }

  #before(one: number, other: number): boolean {
    const order =
      (this.#seconds[one] ?? 0) - (this.#seconds[other] ?? 0) ||
      (this.#nanos[one] ?? 0) - (this.#nanos[other] ?? 0) ||
      (this.#ranks[one] ?? 0) - (this.#ranks[other] ?? 0);
    return order * this.#sign < 0;
  }
}
