import { crc32 } from 'node:zlib';
import type { SplitTime } from '../split_time.ts';
import { IndexDamage, IndexNewer } from './index_damage.ts';
import {
  block_log2,
  blocks_section,
  index_header_bytes,
  index_magic,
  index_version,
  pageEntries,
  section_bytes,
  sections,
} from './index_layout.ts';
import { runningGreatest } from './running_greatest.ts';

/** Reads bytes of an index file from `offset` on into memory; gives how many there were: fewer where the file ends before. */
export type ReadAt = (offset: number, into: Uint8Array) => number;

/** What the index must be of. */
export interface IndexedSegment {
  readonly number: number;
  readonly linktype: number;
  /** Bytes of the packet file. */
  readonly length: number;
}

/** Where a section of an index file is. */
export interface Section {
  readonly offset: number;
  readonly entries: number;
  readonly entry_bytes: number;
  readonly per_page: number;
  readonly pages: number;
  readonly note_bytes: number;
  /** Where the directory's words on the pages begin. */
  readonly notes: number;
}

/** Read at once: the header and, nearly always, the directory. */
const first_read_bytes = 16 * 1024;

/** Header and directory of an index file, checked: what is in it, and where. */
export class IndexDirectory {
  readonly blocks: number;
  /** Where the last block ends in the packet file. */
  readonly end: number;
  readonly view: DataView;
  /** For each page of blocks: no packet of it, or of a page before it, is newer. */
  readonly newestThrough: readonly SplitTime[];
  readonly #sections: readonly Section[];

  /** @throws IndexDamage where it is damaged, of another version, or of another segment. */
  constructor(read: ReadAt, expected: IndexedSegment) {
    const begin = new Uint8Array(first_read_bytes);
    const got = read(0, begin);
    const header = checkHeader(begin.subarray(0, got), expected);
    if (read(header.file_bytes - 1, new Uint8Array(1)) === 0) throw new IndexDamage('it is cut off');
    this.blocks = header.blocks;
    this.end = expected.length;
    // The file is at least so long: what is allocated is bounded by what there is.
    if (index_header_bytes + header.directory_bytes > header.file_bytes)
      throw new IndexDamage('its directory is too long');
    const directory = new Uint8Array(header.directory_bytes);
    directory.set(begin.subarray(index_header_bytes, Math.min(got, index_header_bytes + header.directory_bytes)));
    const rest = directory.subarray(Math.max(0, got - index_header_bytes));
    if (rest.length > 0 && read(got, rest) < rest.length) throw new IndexDamage('its directory is cut off');
    if (crc32(directory) !== header.directory_checksum) throw new IndexDamage("its directory's checksum is wrong");
    this.view = new DataView(directory.buffer);
    this.#sections = readSections(this.view, header.file_bytes);
    if (this.section(blocks_section).entries !== this.blocks) throw new IndexDamage('its blocks are not all there');
    this.newestThrough = runningGreatest(this.section(blocks_section).pages, (page) => {
      const at = this.noteOf(blocks_section, page);
      return { seconds: this.view.getUint32(at, true), nanos: this.view.getUint32(at + 4, true) };
    });
  }

  section(number: number): Section {
    const section = this.#sections[number];
    if (section === undefined) throw new RangeError(`there is no section ${number}`);
    return section;
  }

  /** Where the view's note on a page is, behind its checksum. */
  noteOf(section: number, page: number): number {
    const { notes, note_bytes } = this.section(section);
    return notes + page * (4 + note_bytes) + 4;
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
