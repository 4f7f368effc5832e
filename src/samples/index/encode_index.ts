import { crc32 } from 'node:zlib';
import { compareSplit } from '../compare_split.ts';
import { encodeBlocks } from './encode_blocks.ts';
import type { IndexBuilder } from './index_builder.ts';
import {
  block_log2,
  index_header_bytes,
  index_magic,
  index_version,
  keyKinds,
  keyLayers,
  keySection,
  pageEntries,
  postings_section,
  section_bytes,
  sections,
} from './index_layout.ts';
import type { KeyTable } from './key_table.ts';
import { encodePostings, postingsMaxBytes } from './posting_list.ts';

/** One section: its entries, and what the directory says of a page beside its checksum. */
interface Section {
  readonly bytes: Uint8Array;
  readonly entries: number;
  note(first: number, last: number, into: Uint8Array): void;
}

/** Writes the index of the segment of that number: the whole file, in pieces. See docs/formats/index.md. */
export function encodeIndex(builder: IndexBuilder, segment_number: number): Uint8Array[] {
  const postings = new Postings(builder.blocks.count);
  const made: Section[] = [blocksSection(builder)];
  for (const layer of keyLayers) {
    for (const kind of keyKinds) made[keySection(layer, kind)] = keysSection(builder[layer][kind], kind, postings);
  }
  made[postings_section] = { bytes: postings.bytes(), entries: postings.length, note: () => undefined };
  const directory = encodeDirectory(made);
  const file_bytes = index_header_bytes + directory.length + made.reduce((sum, { bytes }) => sum + bytes.length, 0);
  return [encodeHeader(builder, segment_number, directory, file_bytes), directory, ...made.map(({ bytes }) => bytes)];
}

function encodeHeader(builder: IndexBuilder, number: number, directory: Uint8Array, file_bytes: number): Uint8Array {
  const bytes = new Uint8Array(index_header_bytes);
  const view = new DataView(bytes.buffer);
  bytes.set(index_magic);
  view.setUint16(8, index_version, true);
  view.setUint16(10, index_header_bytes, true);
  view.setUint16(12, block_log2, true);
  view.setBigUint64(16, BigInt(number), true);
  view.setBigUint64(24, BigInt(builder.length), true);
  view.setBigUint64(32, BigInt(builder.records), true);
  view.setUint32(40, builder.linktype, true);
  view.setUint32(44, builder.blocks.count, true);
  view.setBigUint64(48, BigInt(file_bytes), true);
  view.setUint32(56, directory.length, true);
  view.setUint32(60, crc32(directory), true);
  view.setUint32(124, crc32(bytes.subarray(0, 124)), true);
  return bytes;
}

function encodeDirectory(made: readonly Section[]): Uint8Array {
  const pages = made.map(({ entries }, index) => Math.ceil(entries / pageEntries(layoutOf(index))));
  const length = made.reduce(
    (sum, _section, index) => sum + section_bytes + (pages[index] ?? 0) * (4 + layoutOf(index).page_note_bytes),
    0,
  );
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  let offset = index_header_bytes + length;
  let at = made.length * section_bytes;
  for (const [index, section] of made.entries()) {
    view.setBigUint64(index * section_bytes, BigInt(offset), true);
    view.setUint32(index * section_bytes + 8, section.entries, true);
    offset += section.bytes.length;
    const { entry_bytes, page_note_bytes } = layoutOf(index);
    const per_page = pageEntries(layoutOf(index));
    for (let first = 0; first < section.entries; first += per_page) {
      const end = Math.min(first + per_page, section.entries);
      view.setUint32(at, crc32(section.bytes.subarray(first * entry_bytes, end * entry_bytes)), true);
      section.note(first, end - 1, bytes.subarray(at + 4, at + 4 + page_note_bytes));
      at += 4 + page_note_bytes;
    }
  }
  return bytes;
}

function blocksSection({ blocks }: IndexBuilder): Section {
  return {
    bytes: encodeBlocks(blocks),
    entries: blocks.count,
    note: (first, last, into) => {
      let [most, less] = [blocks.greatest(first), blocks.least(first)];
      for (let block = first + 1; block <= last; block += 1) {
        const [greatest, least] = [blocks.greatest(block), blocks.least(block)];
        if (compareSplit(greatest, most) > 0) most = greatest;
        if (compareSplit(least, less) < 0) less = least;
      }
      const times = new DataView(into.buffer, into.byteOffset, into.length);
      for (const [at, value] of [most.seconds, most.nanos, less.seconds, less.nanos].entries()) {
        times.setUint32(4 * at, value, true);
      }
    },
  };
}

function keysSection(table: KeyTable, kind: (typeof keyKinds)[number], postings: Postings): Section {
  const key_bytes = kind === 'ipv6' ? 16 : 4;
  const entry_bytes = key_bytes + 8;
  const bytes = new Uint8Array(table.count * entry_bytes);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const entry of table.sorted()) {
    if (key_bytes === 4) view.setUint32(at, table.key(entry, 0), true);
    else for (let word = 0; word < 4; word += 1) view.setUint32(at + 4 * word, table.key(entry, word));
    const only = table.onlyBlock(entry);
    const begin = only < 0 ? postings.length : only;
    view.setUint32(at + key_bytes, begin, true);
    view.setUint32(at + key_bytes + 4, only < 0 ? postings.add(table, entry) : 0, true);
    at += entry_bytes;
  }
  return {
    bytes,
    entries: table.count,
    note: (first, _last, into) => into.set(bytes.subarray(first * entry_bytes, first * entry_bytes + key_bytes)),
  };
}

/** Gathers posting lists one after the other. */
class Postings {
  readonly #blocks: number;
  readonly #numbers: Int32Array;
  #bytes: Uint8Array = new Uint8Array(1 << 20);
  length = 0;

  constructor(blocks: number) {
    this.#blocks = blocks;
    this.#numbers = new Int32Array(blocks);
  }

  /** Adds the list of a key that has more than one block; gives its length. */
  add(table: KeyTable, entry: number): number {
    while (this.length + postingsMaxBytes(this.#blocks) > this.#bytes.length) {
      const grown = new Uint8Array(this.#bytes.length * 2);
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    const first = table.blocks(entry, this.#numbers);
    const end = encodePostings(this.#numbers, first, this.#blocks, this.#bytes, this.length);
    const length = end - this.length;
    this.length = end;
    return length;
  }

  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.length);
  }
}

function layoutOf(section: number): (typeof sections)[number] {
  const layout = sections[section];
  if (layout === undefined) throw new RangeError(`there is no section ${section}`);
  return layout;
}
