/** A set of block numbers, a bit for each block of a segment. */
export class BlockBits {
  readonly blocks: number;
  readonly #words: Uint32Array;

  /** An empty set out of `blocks` blocks. */
  constructor(blocks: number) {
    this.blocks = blocks;
    this.#words = new Uint32Array((blocks + 31) >>> 5);
  }

  /** Takes a block in; one that is out of bounds throws a RangeError. */
  add(block: number): void {
    if (!(block >= 0 && block < this.blocks)) throw new RangeError(`block ${block} of ${this.blocks}`);
    const at = block >>> 5;
    this.#words[at] = (this.#words[at] ?? 0) | (1 << (block & 31));
  }

  has(block: number): boolean {
    return (((this.#words[block >>> 5] ?? 0) >>> (block & 31)) & 1) === 1;
  }

  /** Takes all blocks in. */
  fill(): void {
    this.#words.fill(0xffff_ffff);
    const rest = this.blocks & 31;
    if (rest > 0) this.#words[this.#words.length - 1] = 2 ** rest - 1;
  }

  /** Takes in the blocks whose bits are set in `bytes`, block 0 the lowest bit of the first. Bits beyond the last block throw a RangeError. */
  addBits(bytes: Uint8Array): void {
    if (bytes.length !== (this.blocks + 7) >>> 3)
      throw new RangeError(`${bytes.length} bytes for ${this.blocks} blocks`);
    const rest = this.blocks & 7;
    if (rest > 0 && (bytes.at(-1) ?? 0) >= 1 << rest) throw new RangeError('a bit beyond the last block');
    for (let at = 0; at < bytes.length; at += 1) {
      const word = at >>> 2;
      this.#words[word] = (this.#words[word] ?? 0) | ((bytes[at] ?? 0) << ((at & 3) * 8));
    }
  }

  /** Takes in all that `other` has. */
  or(other: BlockBits): void {
    for (let at = 0; at < this.#words.length; at += 1) {
      this.#words[at] = (this.#words[at] ?? 0) | (other.#words[at] ?? 0);
    }
  }

  /** Keeps only what `other` has too. */
  and(other: BlockBits): void {
    for (let at = 0; at < this.#words.length; at += 1) {
      this.#words[at] = (this.#words[at] ?? 0) & (other.#words[at] ?? 0);
    }
  }

  /** How many blocks are in it. */
  get count(): number {
    let count = 0;
    for (const word of this.#words) count += ones(word);
    return count;
  }

  /** The greatest block in it below `limit`; -1 where there is none. */
  before(limit: number): number {
    let at = Math.min(limit, this.blocks) - 1;
    while (at >= 0) {
      const word = ((this.#words[at >>> 5] ?? 0) << (31 - (at & 31))) >>> 0;
      if (word !== 0) return at - Math.clz32(word);
      at = (at & ~31) - 1;
    }
    return -1;
  }
}

function ones(word: number): number {
  let count = word - ((word >>> 1) & 0x5555_5555);
  count = (count & 0x3333_3333) + ((count >>> 2) & 0x3333_3333);
  return Math.imul((count + (count >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24;
}
