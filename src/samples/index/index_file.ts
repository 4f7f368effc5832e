import { crc32 } from 'node:zlib';
import type { IndexTerm } from '../../filter/index_formula.ts';
import { pcapHeaderBytes } from '../../pcap/pcap_header.ts';
import type { SplitTime } from '../split_time.ts';
import type { BlockBits } from './block_bits.ts';
import type { BlockPages } from './block_entries.ts';
import type { KeySource } from './formula_blocks.ts';
import { IndexDamage } from './index_damage.ts';
import type { IndexDirectory, ReadAt } from './index_directory.ts';
import { blocks_section, type KeyLayer, keySection, page_bytes, postings_section } from './index_layout.ts';
import { compareKeys, type KeyBounds, keyBounds } from './key_bounds.ts';
import { addPostings, postingsMaxBytes } from './posting_list.ts';

/** Posting lists are read in pieces of at most so many pages. */
const postings_read_pages = 64;
/** Where a range of keys is longer, and a good part of all, it is taken for all blocks: most would be in it. */
const range_max = 4096;

/** What index files are read into, one file after the other: nothing that was read of one is good once another is read. */
export interface IndexMemory {
  readonly blocks: Uint8Array<ArrayBuffer>;
  readonly keys: Uint8Array<ArrayBuffer>;
  postings: Uint8Array<ArrayBuffer>;
}

/** Gets memory for index files. */
export function createIndexMemory(): IndexMemory {
  return {
    blocks: new Uint8Array(page_bytes),
    keys: new Uint8Array(page_bytes),
    postings: new Uint8Array(postings_read_pages * page_bytes),
  };
}

/** The index of a sealed segment, read as it is needed and believed as far as its checksums agree. */
export class IndexFile implements KeySource, BlockPages {
  readonly blocks: number;
  readonly end: number;
  readonly #read: ReadAt;
  readonly #directory: IndexDirectory;
  readonly #memory: IndexMemory;

  constructor(read: ReadAt, directory: IndexDirectory, memory: IndexMemory) {
    this.#read = read;
    this.#directory = directory;
    this.#memory = memory;
    this.blocks = directory.blocks;
    this.end = directory.end;
  }

  get count(): number {
    return this.blocks;
  }

  page(page: number): DataView {
    const bytes = this.#pages(blocks_section, page, 1, this.#memory.blocks);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const { entry_bytes, per_page } = this.#directory.section(blocks_section);
    // The offsets must go up: what is read between two of them is bounded by that.
    let before = page === 0 ? pcapHeaderBytes - 1 : 0;
    for (let at = 0; at < bytes.length; at += entry_bytes) {
      const offset = view.getUint32(at, true);
      if (offset <= before || offset >= this.end) throw new IndexDamage(`block ${page * per_page} is out of place`);
      before = offset;
    }
    return view;
  }

  get newestThrough(): readonly SplitTime[] {
    return this.#directory.newestThrough;
  }

  addTerm(term: IndexTerm, layer: KeyLayer, into: BlockBits): void {
    const bounds = keyBounds(term);
    const section = keySection(layer, bounds.kind);
    const found = this.#entriesIn(section, bounds);
    if (found === 'most') into.fill();
    else this.#addLists(found, into);
  }

  /** The key entries within bounds, as (begin, length) of their lists. */
  #entriesIn(section: number, bounds: KeyBounds): readonly (readonly [number, number])[] | 'most' {
    const { pages, per_page, entry_bytes, entries } = this.#directory.section(section);
    const words = bounds.least.length;
    if (pages === 0) return [];
    const first = Math.max(0, this.#pagesUpTo(section, bounds.least, words) - 1);
    const end = this.#pagesUpTo(section, bounds.greatest, words);
    if ((end - first - 1) * per_page > Math.max(range_max, entries / 4)) return 'most';
    const found: (readonly [number, number])[] = [];
    for (let page = first; page < end; page += 1) {
      const bytes = this.#pages(section, page, 1, this.#memory.keys);
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      let at = lowerBound(view, entry_bytes, bounds.least, words) * entry_bytes;
      for (; at < bytes.length && compareKeys(keyAt(view, at, words), bounds.greatest) <= 0; at += entry_bytes) {
        found.push([view.getUint32(at + 4 * words, true), view.getUint32(at + 4 * words + 4, true)]);
      }
    }
    return found;
  }

  /** How many pages begin at or below the key. */
  #pagesUpTo(section: number, key: readonly number[], words: number): number {
    let [low, high] = [0, this.#directory.section(section).pages];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareKeys(this.#firstKey(section, middle, words), key) <= 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #firstKey(section: number, page: number, words: number): readonly number[] {
    return keyAt(this.#directory.view, this.#directory.noteOf(section, page), words);
  }

  #addLists(found: readonly (readonly [number, number])[], into: BlockBits): void {
    const total = this.#directory.section(postings_section).entries;
    const page_size = this.#directory.section(postings_section).per_page;
    let bytes: Uint8Array = new Uint8Array(0);
    let [from, to] = [0, 0];
    for (const [begin, length] of found) {
      if (length === 0) {
        if (begin >= this.blocks) throw new IndexDamage(`a key names block ${begin} of ${this.blocks}`);
        into.add(begin);
        continue;
      }
      if (begin + length > total) throw new IndexDamage('a posting list is out of bounds');
      if (length > postingsMaxBytes(this.blocks)) throw new IndexDamage('a posting list is too long');
      if (begin < from || begin + length > to) {
        // Lists of neighbouring keys are neighbours: what is read for one serves the next ones too.
        const page = Math.floor(begin / page_size);
        const wanted = Math.ceil((begin + length) / page_size) - page;
        const last = found.at(-1) ?? [begin, length];
        const ahead = Math.ceil((last[0] + Math.max(1, last[1])) / page_size) - page;
        const count = Math.max(wanted, Math.min(ahead, postings_read_pages));
        bytes = this.#pages(postings_section, page, count, this.#postings(count * page_size));
        [from, to] = [page * page_size, page * page_size + bytes.length];
        if (begin + length > to) throw new IndexDamage('a posting list is cut off');
      }
      try {
        addPostings(bytes.subarray(begin - from, begin - from + length), into);
      } catch (error) {
        if (error instanceof RangeError) throw new IndexDamage(error.message);
        throw error;
      }
    }
  }

  /** Memory for so many bytes of posting lists. */
  #postings(length: number): Uint8Array<ArrayBuffer> {
    if (length > this.#memory.postings.length) this.#memory.postings = new Uint8Array(length);
    return this.#memory.postings;
  }

  /** Reads whole pages of a section into memory that has room for them, and checks them. */
  #pages(section: number, first: number, count: number, into: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    const { offset, entries, entry_bytes, per_page, pages } = this.#directory.section(section);
    const end = Math.min(first + count, pages);
    const page_size = per_page * entry_bytes;
    const length = Math.min(end * per_page, entries) * entry_bytes - first * page_size;
    if (length < 0) throw new IndexDamage('it names a page that is not there');
    const bytes = into.subarray(0, length);
    if (this.#read(offset + first * page_size, bytes) < length) throw new IndexDamage('it is cut off');
    for (let page = first; page < end; page += 1) {
      const at = (page - first) * page_size;
      const sum = this.#directory.view.getUint32(this.#directory.noteOf(section, page) - 4, true);
      if (crc32(bytes.subarray(at, at + page_size)) !== sum) {
        throw new IndexDamage(`the checksum of page ${page} of section ${section + 1} is wrong`);
      }
    }
    return bytes;
  }
}

/** The first entry whose key is not below `key`. */
function lowerBound(view: DataView, entry_bytes: number, key: readonly number[], words: number): number {
  let [low, high] = [0, view.byteLength / entry_bytes];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareKeys(keyAt(view, middle * entry_bytes, words), key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** One word is a number, little-endian; four are an address in network order. */
function keyAt(view: DataView, at: number, words: number): readonly number[] {
  if (words === 1) return [view.getUint32(at, true)];
  return [view.getUint32(at), view.getUint32(at + 4), view.getUint32(at + 8), view.getUint32(at + 12)];
}
