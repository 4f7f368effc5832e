/**
 * Keys of one or of four 32-bit words, each with the ascending list of the blocks that it was put for: an open-addressing table over typed
 * arrays. Hashes are seeded, so that nobody who sends packets can choose keys that collide.
 */
export class KeyTable {
  readonly #words: 1 | 4;
  /** Numbers of an entry: the words of its key, its last block, and where the blocks before are in the pool (newest first; -1 for none). */
  readonly #stride: number;
  readonly #seed: number;
  /** Number of the entry plus 1; 0 is free. */
  #slots: Int32Array = new Int32Array(1024);
  #entries: Int32Array;
  #count = 0;
  /** A block, and where the one before it is: two numbers each. */
  #pool: Int32Array = new Int32Array(1024);
  #pooled = 0;

  constructor(words: 1 | 4, seed: number) {
    this.#words = words;
    this.#stride = words + 2;
    this.#seed = seed | 0;
    this.#entries = new Int32Array(512 * this.#stride);
  }

  /** How many different keys there are. */
  get count(): number {
    return this.#count;
  }

  /** Puts a one-word key for a block, which is not below any block before. */
  put(key: number, block: number): void {
    if (this.#count * 2 >= this.#slots.length) this.#widen();
    const word = key | 0;
    const slots = this.#slots;
    const entries = this.#entries;
    const mask = slots.length - 1;
    let at = hashOf(word, this.#seed) & mask;
    for (let entry = (slots[at] ?? 0) - 1; entry >= 0; entry = (slots[at] ?? 0) - 1) {
      const begin = entry * 3;
      if (entries[begin] === word) {
        if (entries[begin + 1] !== block) this.#addBlock(begin + 1, block);
        return;
      }
      at = (at + 1) & mask;
    }
    entries[this.#insert(at, block)] = word;
  }

  /** Puts a four-word key for a block, which is not below any block before. */
  putWide(a: number, b: number, c: number, d: number, block: number): void {
    if (this.#count * 2 >= this.#slots.length) this.#widen();
    const slots = this.#slots;
    const entries = this.#entries;
    const mask = slots.length - 1;
    let at = wideHash(a, b, c, d, this.#seed) & mask;
    for (let entry = (slots[at] ?? 0) - 1; entry >= 0; entry = (slots[at] ?? 0) - 1) {
      const begin = entry * 6;
      const found =
        entries[begin] === (a | 0) &&
        entries[begin + 1] === (b | 0) &&
        entries[begin + 2] === (c | 0) &&
        entries[begin + 3] === (d | 0);
      if (found) {
        if (entries[begin + 4] !== block) this.#addBlock(begin + 4, block);
        return;
      }
      at = (at + 1) & mask;
    }
    const begin = this.#insert(at, block);
    entries[begin] = a;
    entries[begin + 1] = b;
    entries[begin + 2] = c;
    entries[begin + 3] = d;
  }

  /** The entry of a key of as many words as all of them have; -1 where it was never put. */
  find(words: readonly number[]): number {
    const [a = 0, b = 0, c = 0, d = 0] = words;
    const mask = this.#slots.length - 1;
    let at = (this.#words === 1 ? hashOf(a, this.#seed) : wideHash(a, b, c, d, this.#seed)) & mask;
    for (let entry = (this.#slots[at] ?? 0) - 1; entry >= 0; entry = (this.#slots[at] ?? 0) - 1) {
      if (words.every((word, index) => this.key(entry, index) === word)) return entry;
      at = (at + 1) & mask;
    }
    return -1;
  }

  /** All entries in ascending order of their keys. */
  sorted(): Uint32Array {
    let order: Uint32Array = new Uint32Array(this.#count);
    for (let entry = 0; entry < order.length; entry += 1) order[entry] = entry;
    for (let word = this.#words - 1; word >= 0; word -= 1) order = this.#sortByWord(order, word);
    return order;
  }

  /** A word of an entry's key, 0 the most significant. */
  key(entry: number, word: number): number {
    return (this.#entries[entry * this.#stride + word] ?? 0) >>> 0;
  }

  /** The one block of an entry; -1 where it has more. */
  onlyBlock(entry: number): number {
    const last = entry * this.#stride + this.#words;
    return (this.#entries[last + 1] ?? -1) < 0 ? (this.#entries[last] ?? 0) : -1;
  }

  /** Writes the blocks of an entry, ascending, to the end of `into`, which has room for every block there is; gives where they begin. */
  blocks(entry: number, into: Int32Array): number {
    const pool = this.#pool;
    const last = entry * this.#stride + this.#words;
    let begin = into.length - 1;
    into[begin] = this.#entries[last] ?? 0;
    for (let at = this.#entries[last + 1] ?? -1; at >= 0; at = pool[at + 1] ?? -1) {
      begin -= 1;
      into[begin] = pool[at] ?? 0;
    }
    return begin;
  }

  /** `last` is where the entry's last block is. */
  #addBlock(last: number, block: number): void {
    if (this.#pooled === this.#pool.length) this.#pool = doubled(this.#pool);
    const entries = this.#entries;
    this.#pool[this.#pooled] = entries[last] ?? 0;
    this.#pool[this.#pooled + 1] = entries[last + 1] ?? -1;
    entries[last] = block;
    entries[last + 1] = this.#pooled;
    this.#pooled += 2;
  }

  /** Makes the entry of a free slot and gives where it begins; its key is the caller's to write. */
  #insert(slot: number, block: number): number {
    const begin = this.#count * this.#stride;
    this.#count += 1;
    this.#slots[slot] = this.#count;
    this.#entries[begin + this.#words] = block;
    this.#entries[begin + this.#words + 1] = -1;
    return begin;
  }

  /** Doubles the slots and the room for entries, which is always half of the slots. */
  #widen(): void {
    const slots = new Int32Array(this.#slots.length * 2);
    this.#entries = doubled(this.#entries);
    const mask = slots.length - 1;
    for (let entry = 0; entry < this.#count; entry += 1) {
      let at = this.#hash(entry) & mask;
      while (slots[at] !== 0) at = (at + 1) & mask;
      slots[at] = entry + 1;
    }
    this.#slots = slots;
  }

  #hash(entry: number): number {
    if (this.#words === 1) return hashOf(this.key(entry, 0), this.#seed);
    return wideHash(this.key(entry, 0), this.key(entry, 1), this.key(entry, 2), this.key(entry, 3), this.#seed);
  }

  /** A stable radix sort by one word, eight bits at a time. */
  #sortByWord(order: Uint32Array, word: number): Uint32Array {
    let [from, to]: [Uint32Array, Uint32Array] = [order, new Uint32Array(order.length)];
    const starts = new Uint32Array(257);
    const entries = this.#entries;
    const stride = this.#stride;
    const count = order.length;
    for (let shift = 0; shift < 32; shift += 8) {
      starts.fill(0);
      for (let index = 0; index < count; index += 1) {
        const digit = ((entries[(from[index] ?? 0) * stride + word] ?? 0) >>> shift) & 0xff;
        starts[digit + 1] = (starts[digit + 1] ?? 0) + 1;
      }
      if (starts.includes(count, 1)) continue;
      for (let digit = 1; digit < 257; digit += 1) starts[digit] = (starts[digit] ?? 0) + (starts[digit - 1] ?? 0);
      for (let index = 0; index < count; index += 1) {
        const entry = from[index] ?? 0;
        const digit = ((entries[entry * stride + word] ?? 0) >>> shift) & 0xff;
        const at = starts[digit] ?? 0;
        to[at] = entry;
        starts[digit] = at + 1;
      }
      [from, to] = [to, from];
    }
    return from;
  }
}

/** The finalizer of MurmurHash3 over a seeded word. */
function hashOf(key: number, seed: number): number {
  let hash = key ^ seed;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
  return hash ^ (hash >>> 16);
}

function wideHash(a: number, b: number, c: number, d: number, seed: number): number {
  return hashOf(a ^ hashOf(b ^ hashOf(c ^ hashOf(d, seed), seed), seed), seed);
}

function doubled(from: Int32Array): Int32Array {
  const to = new Int32Array(from.length * 2);
  to.set(from);
  return to;
}
