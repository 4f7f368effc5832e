/**
 * Keys of one or of four 32-bit words, each with the ascending list of the blocks that it was put for: an open-addressing table over typed
 * arrays. Hashes are seeded, so that nobody who sends packets can choose keys that collide.
 */
export class KeyTable {
  readonly #words: 1 | 4;
  readonly #seed: number;
  /** Number of the entry plus 1; 0 is free. */
  #slots: Int32Array = new Int32Array(1024);
  #keys: Uint32Array;
  /** The last block of each entry. */
  #last: Int32Array = new Int32Array(512);
  /** Where the blocks before the last one are in the pool: newest first; -1 for none. */
  #chain: Int32Array = new Int32Array(512);
  #count = 0;
  #pool_blocks: Int32Array = new Int32Array(512);
  #pool_next: Int32Array = new Int32Array(512);
  #pooled = 0;

  constructor(words: 1 | 4, seed: number) {
    this.#words = words;
    this.#seed = seed | 0;
    this.#keys = new Uint32Array(512 * words);
  }

  /** How many different keys there are. */
  get count(): number {
    return this.#count;
  }

  /** Puts a one-word key for a block, which is not below any block before. */
  put(key: number, block: number): void {
    if (this.#count * 2 >= this.#slots.length) this.#widen();
    const slots = this.#slots;
    const keys = this.#keys;
    const mask = slots.length - 1;
    let at = hashOf(key, this.#seed) & mask;
    for (let entry = (slots[at] ?? 0) - 1; entry >= 0; entry = (slots[at] ?? 0) - 1) {
      if (keys[entry] === key) return this.#addBlock(entry, block);
      at = (at + 1) & mask;
    }
    keys[this.#insert(at, block)] = key;
  }

  /** Puts a four-word key for a block, which is not below any block before. */
  putWide(a: number, b: number, c: number, d: number, block: number): void {
    if (this.#count * 2 >= this.#slots.length) this.#widen();
    const slots = this.#slots;
    const keys = this.#keys;
    const mask = slots.length - 1;
    let at = wideHash(a, b, c, d, this.#seed) & mask;
    for (let entry = (slots[at] ?? 0) - 1; entry >= 0; entry = (slots[at] ?? 0) - 1) {
      const word = entry * 4;
      if (keys[word] === a && keys[word + 1] === b && keys[word + 2] === c && keys[word + 3] === d) {
        return this.#addBlock(entry, block);
      }
      at = (at + 1) & mask;
    }
    const word = this.#insert(at, block) * 4;
    keys[word] = a;
    keys[word + 1] = b;
    keys[word + 2] = c;
    keys[word + 3] = d;
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
    return this.#keys[entry * this.#words + word] ?? 0;
  }

  /** The one block of an entry; -1 where it has more. */
  onlyBlock(entry: number): number {
    return (this.#chain[entry] ?? -1) < 0 ? (this.#last[entry] ?? 0) : -1;
  }

  /** Writes the blocks of an entry, ascending, to the end of `into`, which has room for every block there is; gives where they begin. */
  blocks(entry: number, into: Int32Array): number {
    const pool = this.#pool_blocks;
    const next = this.#pool_next;
    let begin = into.length - 1;
    into[begin] = this.#last[entry] ?? 0;
    for (let at = this.#chain[entry] ?? -1; at >= 0; at = next[at] ?? -1) {
      begin -= 1;
      into[begin] = pool[at] ?? 0;
    }
    return begin;
  }

  #addBlock(entry: number, block: number): void {
    const last = this.#last[entry] ?? 0;
    if (last === block) return;
    if (this.#pooled === this.#pool_blocks.length) {
      this.#pool_blocks = doubled(this.#pool_blocks);
      this.#pool_next = doubled(this.#pool_next);
    }
    this.#pool_blocks[this.#pooled] = last;
    this.#pool_next[this.#pooled] = this.#chain[entry] ?? -1;
    this.#chain[entry] = this.#pooled;
    this.#pooled += 1;
    this.#last[entry] = block;
  }

  /** Makes the entry of a free slot and gives its number; its key is the caller's to write. */
  #insert(slot: number, block: number): number {
    const entry = this.#count;
    this.#count += 1;
    this.#slots[slot] = entry + 1;
    this.#last[entry] = block;
    this.#chain[entry] = -1;
    return entry;
  }

  /** Doubles the slots and the room for entries, which is always half of the slots. */
  #widen(): void {
    const slots = new Int32Array(this.#slots.length * 2);
    this.#last = doubled(this.#last);
    this.#chain = doubled(this.#chain);
    const keys = new Uint32Array(this.#keys.length * 2);
    keys.set(this.#keys);
    this.#keys = keys;
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
    const keys = this.#keys;
    const words = this.#words;
    const count = order.length;
    for (let shift = 0; shift < 32; shift += 8) {
      starts.fill(0);
      for (let index = 0; index < count; index += 1) {
        const digit = ((keys[(from[index] ?? 0) * words + word] ?? 0) >>> shift) & 0xff;
        starts[digit + 1] = (starts[digit + 1] ?? 0) + 1;
      }
      if (starts.includes(count, 1)) continue;
      for (let digit = 1; digit < 257; digit += 1) starts[digit] = (starts[digit] ?? 0) + (starts[digit - 1] ?? 0);
      for (let index = 0; index < count; index += 1) {
        const entry = from[index] ?? 0;
        const digit = ((keys[entry * words + word] ?? 0) >>> shift) & 0xff;
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
