import { crc32 } from 'node:zlib';
import type { IndexTerm } from '../../filter/index_formula.ts';
import { giveBack } from '../../model/give_back.ts';
import { pcapHeaderBytes } from '../../pcap/pcap_header.ts';
import type { SplitTime } from '../split_time.ts';
import type { BlockBits } from './block_bits.ts';
import type { BlockPages } from './block_entries.ts';
import type { KeySource } from './formula_blocks.ts';
import { IndexDamage, IndexNewer } from './index_damage.ts';
import {
  block_log2,
  blocks_section,
  index_header_bytes,
  index_magic,
  index_version,
  type KeyLayer,
  keySection,
  pageEntries,
  postings_section,
  section_bytes,
  sections,
} from './index_layout.ts';
import { compareKeys, type KeyBounds, keyBounds } from './key_bounds.ts';
import { addPostings } from './posting_list.ts';

/** Reads bytes of the file into memory of their own; fewer where it ends before. */
export type ReadAt = (offset: number, length: number) => Uint8Array<ArrayBuffer>;

/** What the index must be of. */
export interface IndexedSegment {
  readonly number: number;
  readonly linktype: number;
  /** Bytes of the packet file. */
  readonly length: number;
}

interface Section {
  readonly offset: number;
  readonly entries: number;
  readonly entry_bytes: number;
  readonly note_bytes: number;
  readonly per_page: number;
  readonly pages: number;
  /** Where the directory's words on the pages begin. */
  readonly notes: number;
}

/** Read at once: the header and, nearly always, the directory. */
const first_read_bytes = 16 * 1024;
/** Posting lists are read in pieces of at most so many pages. */
const postings_read_pages = 64;
/** Where a range of keys is longer, and a good part of all, it is taken for all blocks: most would be in it. */
const range_max = 4096;

/** The index of a sealed segment, read as it is needed and believed as far as its checksums agree. */
export class IndexFile implements KeySource, BlockPages {
  readonly blocks: number;
  readonly end: number;
  readonly #read: ReadAt;
  readonly #directory: DataView;
  readonly #sections: readonly Section[];

  /** @throws IndexDamage where it is damaged, of another version, or of another segment. */
  constructor(read: ReadAt, expected: IndexedSegment) {
    this.#read = read;
    const begin = read(0, first_read_bytes);
    const header = checkHeader(begin, expected);
    if (read(header.file_bytes - 1, 1).length === 0) throw new IndexDamage('it is cut off');
    this.blocks = header.blocks;
    this.end = expected.length;
    const rest = index_header_bytes + header.directory_bytes - begin.length;
    const more = rest > 0 ? read(begin.length, rest) : new Uint8Array(0);
    if (more.length < rest) throw new IndexDamage('its directory is cut off');
    const directory = new Uint8Array(header.directory_bytes);
    const head = begin.subarray(index_header_bytes, index_header_bytes + header.directory_bytes);
    directory.set(head);
    directory.set(more, head.length);
    giveBack(begin);
    giveBack(more);
    if (crc32(directory) !== header.directory_checksum) throw new IndexDamage("its directory's checksum is wrong");
    this.#directory = new DataView(directory.buffer);
    this.#sections = readSections(this.#directory, header.file_bytes);
    if (this.#section(blocks_section).entries !== this.blocks) throw new IndexDamage('its blocks are not all there');
  }

  get count(): number {
    return this.blocks;
  }

  page(page: number): DataView {
    const bytes = this.#pages(blocks_section, page, 1);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const { entry_bytes, per_page } = this.#section(blocks_section);
    // The offsets must go up: what is read between two of them is bounded by that.
    let before = page === 0 ? pcapHeaderBytes - 1 : 0;
    for (let at = 0; at < bytes.length; at += entry_bytes) {
      const offset = view.getUint32(at, true);
      if (offset <= before || offset >= this.end) throw new IndexDamage(`block ${page * per_page} is out of place`);
      before = offset;
    }
    return view;
  }

  pageGreatest(page: number): SplitTime {
    const at = this.#noteOf(blocks_section, page);
    return { seconds: this.#directory.getUint32(at, true), nanos: this.#directory.getUint32(at + 4, true) };
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
    const { pages, per_page, entry_bytes, entries } = this.#section(section);
    const words = bounds.least.length;
    if (pages === 0) return [];
    const first = Math.max(0, this.#pagesUpTo(section, bounds.least, words) - 1);
    const end = this.#pagesUpTo(section, bounds.greatest, words);
    if ((end - first - 1) * per_page > Math.max(range_max, entries / 4)) return 'most';
    const found: (readonly [number, number])[] = [];
    for (let page = first; page < end; page += 1) {
      const bytes = this.#pages(section, page, 1);
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      let at = lowerBound(view, entry_bytes, bounds.least, words) * entry_bytes;
      for (; at < bytes.length && compareKeys(keyAt(view, at, words), bounds.greatest) <= 0; at += entry_bytes) {
        found.push([view.getUint32(at + 4 * words, true), view.getUint32(at + 4 * words + 4, true)]);
      }
      giveBack(bytes);
    }
    return found;
  }

  /** How many pages begin at or below the key. */
  #pagesUpTo(section: number, key: readonly number[], words: number): number {
    let [low, high] = [0, this.#section(section).pages];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareKeys(this.#firstKey(section, middle, words), key) <= 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #firstKey(section: number, page: number, words: number): readonly number[] {
    return keyAt(this.#directory, this.#noteOf(section, page), words);
  }

  #addLists(found: readonly (readonly [number, number])[], into: BlockBits): void {
    const total = this.#section(postings_section).entries;
    const page_size = this.#section(postings_section).per_page;
    let bytes: Uint8Array = new Uint8Array(0);
    let [from, to] = [0, 0];
    for (const [begin, length] of found) {
      if (length === 0) {
        if (begin >= this.blocks) throw new IndexDamage(`a key names block ${begin} of ${this.blocks}`);
        into.add(begin);
        continue;
      }
      if (begin + length > total) throw new IndexDamage('a posting list is out of bounds');
      if (begin < from || begin + length > to) {
        // Lists of neighbouring keys are neighbours: what is read for one serves the next ones too.
        const page = Math.floor(begin / page_size);
        const wanted = Math.ceil((begin + length) / page_size) - page;
        const last = found.at(-1) ?? [begin, length];
        giveBack(bytes);
        const ahead = Math.ceil((last[0] + Math.max(1, last[1])) / page_size) - page;
        bytes = this.#pages(postings_section, page, Math.max(wanted, Math.min(ahead, postings_read_pages)));
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
    giveBack(bytes);
  }

  /** Whole pages of a section, checked. */
  #pages(section: number, first: number, count: number): Uint8Array<ArrayBuffer> {
    const { offset, entries, entry_bytes, per_page, pages } = this.#section(section);
    const end = Math.min(first + count, pages);
    const page_size = per_page * entry_bytes;
    const length = Math.min(end * per_page, entries) * entry_bytes - first * page_size;
    if (length < 0) throw new IndexDamage('it names a page that is not there');
    const bytes = this.#read(offset + first * page_size, length);
    if (bytes.length < length) throw new IndexDamage('it is cut off');
    for (let page = first; page < end; page += 1) {
      const at = (page - first) * page_size;
      const sum = this.#directory.getUint32(this.#noteOf(section, page) - 4, true);
      if (crc32(bytes.subarray(at, at + page_size)) !== sum) {
        throw new IndexDamage(`the checksum of page ${page} of section ${section + 1} is wrong`);
      }
    }
    return bytes;
  }

  /** Where the directory's note on a page is, behind its checksum. */
  #noteOf(section: number, page: number): number {
    const { notes, note_bytes } = this.#section(section);
    return notes + page * (4 + note_bytes) + 4;
  }

  #section(number: number): Section {
    const section = this.#sections[number];
    if (section === undefined) throw new RangeError(`there is no section ${number}`);
    return section;
  }
}

interface Header {
  readonly blocks: number;
  readonly file_bytes: number;
  readonly directory_bytes: number;
  readonly directory_checksum: number;
}

function checkHeader(bytes: Uint8Array, expected: IndexedSegment): Header {
  if (bytes.length < index_header_bytes) throw new IndexDamage(`it has only ${bytes.length} bytes`);
  if (index_magic.some((byte, index) => bytes[index] !== byte)) {
    throw new IndexDamage('it does not begin with the magic bytes');
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (crc32(bytes.subarray(0, 124)) !== view.getUint32(124, true)) throw new IndexDamage('its checksum is wrong');
  const version = view.getUint16(8, true);
  if (version > index_version) throw new IndexNewer(version);
  if (version !== index_version) throw new IndexDamage(`its version is ${version}`);
  if (view.getUint16(10, true) !== index_header_bytes || view.getUint16(12, true) !== block_log2) {
    throw new IndexDamage('it is laid out in another way');
  }
  const [number, length] = [Number(view.getBigUint64(16, true)), Number(view.getBigUint64(24, true))];
  const linktype = view.getUint32(40, true);
  if (number !== expected.number || linktype !== expected.linktype) {
    throw new IndexDamage(`it is that of segment ${number}, link type ${linktype}`);
  }
  if (length !== expected.length) throw new IndexDamage(`it covers ${length} bytes of ${expected.length}`);
  return {
    blocks: view.getUint32(44, true),
    file_bytes: Number(view.getBigUint64(48, true)),
    directory_bytes: view.getUint32(56, true),
    directory_checksum: view.getUint32(60, true),
  };
}

/** Everything must lie in the file, one section behind the other. */
function readSections(directory: DataView, file_bytes: number): readonly Section[] {
  let notes = sections.length * section_bytes;
  let end = index_header_bytes + directory.byteLength;
  if (directory.byteLength < notes) throw new IndexDamage('its directory is too short');
  const all = sections.map((layout, index): Section => {
    const offset = Number(directory.getBigUint64(index * section_bytes, true));
    const entries = directory.getUint32(index * section_bytes + 8, true);
    const per_page = pageEntries(layout);
    const pages = Math.ceil(entries / per_page);
    if (offset !== end) throw new IndexDamage(`section ${index + 1} is out of place`);
    end += entries * layout.entry_bytes;
    const { entry_bytes, page_note_bytes: note_bytes } = layout;
    const section = { offset, entries, entry_bytes, note_bytes, per_page, pages, notes };
    notes += pages * (4 + note_bytes);
    return section;
  });
  if (end !== file_bytes || notes !== directory.byteLength) throw new IndexDamage('its sections are not as long as it');
  return all;
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
