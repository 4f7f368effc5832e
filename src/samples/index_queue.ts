import { closeSync, fsyncSync, openSync, readSync, renameSync, unlinkSync, writevSync } from 'node:fs';
import { join } from 'node:path';
import type { IndexFormula } from '../filter/index_formula.ts';
import { limits } from '../model/limits.ts';
import { pcapHeaderBytes } from '../pcap/pcap_header.ts';
import { builderKeys } from './index/builder_keys.ts';
import { encodeBlocks } from './index/encode_blocks.ts';
import { encodeIndex } from './index/encode_index.ts';
import { formulaBlocks } from './index/formula_blocks.ts';
import { IndexBuilder } from './index/index_builder.ts';
import type { FromIndexer, SegmentToIndex, ToIndexer } from './index_messages.ts';
import { type OpenContent, SamplerState } from './sampler_state.ts';
import type { GrowingIndex } from './scan_job.ts';
import { segmentFiles } from './segment_name.ts';
import { damagedStretchText, readSegmentSums, segmentStretches, StretchCheck } from './segment_stretches.ts';
import type { SegmentStretch } from './segment_stretches.ts';
import { isDiskFull } from './segment_writer.ts';

/** What indexing takes. */
export interface IndexQueuePorts {
  /** A random 32-bit number. */
  seed(): number;
  send(message: FromIndexer): void;
}

interface Entry {
  readonly segment: SegmentToIndex;
  /** Opened with the first bytes that are read. */
  descriptor: number | undefined;
  builder: IndexBuilder;
  /** Up to here the bytes are known to be as they were written, or nobody can say; and the checksum of all records up to here. */
  checked: { readonly length: number; readonly checksum: number };
  /** How far the bytes behind that have been compared. */
  check: StretchCheck | undefined;
  /** What vouches for its bytes once it is sealed. */
  stretches: readonly SegmentStretch[] | undefined;
  /** Where its length is published while it grows. */
  readonly growing: { readonly state: SamplerState; readonly slot: number } | undefined;
  /** Its length once it is sealed. */
  sealed: number | undefined;
}

/** The packets of a segment cannot be read to the end, or are not those that were written. */
class DamagedPackets extends Error {}

/** Of a segment of which nothing has been compared. */
const unchecked = { checked: { length: pcapHeaderBytes, checksum: 0 }, check: undefined, stretches: undefined };

/** Read and indexed at a time: about a millisecond's work. */
const slice_bytes = 256 * 1024;

/**
 * The segments that are being indexed: those that grow before those that are sealed, and these in the order in which they came. So the
 * segments of a stream get their indexes in the order of their numbers.
 */
export class IndexQueue {
  readonly #ports: IndexQueuePorts;
  readonly #entries = new Map<number, Entry>();
  readonly #bytes = new Uint8Array(slice_bytes);

  constructor(ports: IndexQueuePorts) {
    this.#ports = ports;
  }

  take(message: Exclude<ToIndexer, { readonly kind: 'stop' }>): void {
    switch (message.kind) {
      case 'follow': {
        const { segment, slot, state } = message;
        this.#add(segment, { state: new SamplerState(state), slot });
        return;
      }
      case 'seal': {
        const entry = this.#entries.get(message.segment.key) ?? this.#add(message.segment, undefined);
        entry.sealed = message.length;
        return;
      }
      case 'forget':
        return this.#drop(message.key);
      case 'ask':
        return this.#ports.send({ kind: 'answer', id: message.id, growing: this.#answer(message) });
    }
  }

  /** Does a slice of what is most urgent; false where there is nothing to do. */
  work(): boolean {
    for (const entry of this.#entries.values()) {
      const { growing, builder, sealed } = entry;
      if (growing === undefined || sealed !== undefined) continue;
      const content = growing.state.content(growing.slot);
      if (content.length > builder.length && this.#follow(entry, content)) return true;
    }
    for (const entry of this.#entries.values()) {
      if (entry.sealed === undefined) continue;
      this.#advance(entry, entry.sealed);
      return true;
    }
    return false;
  }

  #add(segment: SegmentToIndex, growing: Entry['growing']): Entry {
    const builder = new IndexBuilder(segment.linktype, this.#ports.seed());
    const entry: Entry = {
      segment,
      descriptor: undefined,
      builder,
      ...unchecked,
      growing,
      sealed: undefined,
    };
    this.#entries.set(segment.key, entry);
    return entry;
  }

  #drop(key: number): void {
    const descriptor = this.#entries.get(key)?.descriptor;
    if (descriptor !== undefined) closeSync(descriptor);
    this.#entries.delete(key);
  }

  /** Goes on with a segment that grows. One that cannot be read is let go: it is tried again once it is sealed, and what fails then is told. */
  #follow(entry: Entry, { length: to, checksum }: Pick<OpenContent, 'length' | 'checksum'>): boolean {
    try {
      if (entry.checked.length > entry.builder.length) return this.#read(entry, entry.checked.length);
      const { length: from, checksum: before } = entry.checked;
      entry.check ??= new StretchCheck({ from, to, vouched: { before, after: checksum } });
      return this.#compare(entry, entry.check);
    } catch {
      this.#drop(entry.segment.key);
      return false;
    }
  }

  /** Goes on with a sealed segment, to its index. */
  #advance(entry: Entry, length: number): void {
    const { key, linktype } = entry.segment;
    // After a crash less of it may have been left than was seen before.
    if (entry.builder.length > length)
      Object.assign(entry, { ...unchecked, builder: new IndexBuilder(linktype, this.#ports.seed()) });
    try {
      if (entry.builder.length < length) return this.#takeIn(entry, length);
      const bytes = writeIndex(entry.segment, encodeIndex(entry.builder, entry.segment.number));
      this.#drop(key);
      this.#ports.send({ kind: 'indexed', key, bytes });
    } catch (error) {
      this.#drop(key);
      const reason = error instanceof Error ? error.message : String(error);
      const cause = error instanceof DamagedPackets ? 'packets' : isDiskFull(error) ? 'full' : 'write';
      this.#ports.send({ kind: 'failed', key, cause, reason });
    }
  }

  /** Takes in a slice of a sealed segment, or compares it with what was written. Throws `DamagedPackets`. */
  #takeIn(entry: Entry, length: number): void {
    const { segment, builder } = entry;
    if (entry.stretches === undefined) {
      const path = join(segment.directory, segmentFiles(segment.number).header);
      entry.stretches = segmentStretches(readSegmentSums(path), length);
      // What the sampler had published may be more than is left.
      entry.check = undefined;
    }
    const known = Math.min(length, entry.checked.length);
    if (known > builder.length) {
      if (!this.#read(entry, known)) throw new DamagedPackets(`no record at ${builder.length}`);
      return;
    }
    const stretch = entry.stretches.find(({ to }) => to > builder.length);
    if (entry.check === undefined && stretch !== undefined) entry.check = new StretchCheck(stretch);
    if (entry.check !== undefined) this.#compare(entry, entry.check);
  }

  /** Compares a slice; gives true. Throws `DamagedPackets`. */
  #compare(entry: Entry, check: StretchCheck): true {
    entry.descriptor ??= openPackets(entry.segment);
    const state = check.step(entry.descriptor, this.#bytes);
    if (state === 'more') return true;
    const { stretch } = check;
    if (state === 'damaged') throw new DamagedPackets(damagedStretchText(stretch));
    entry.checked = { length: stretch.to, checksum: stretch.vouched?.after ?? 0 };
    entry.check = undefined;
    return true;
  }

  /** Takes a slice in; false where no whole record was there. */
  #read(entry: Entry, length: number): boolean {
    const { builder, segment } = entry;
    entry.descriptor ??= openPackets(segment);
    const wanted = Math.min(slice_bytes, length - builder.length);
    const got = readSync(entry.descriptor, this.#bytes, 0, wanted, builder.length);
    return builder.add(this.#bytes.subarray(0, got), limits.sample_snaplen_bytes) > 0;
  }

  #answer({ formula, inner }: ToIndexer & { readonly kind: 'ask' }): (readonly [number, GrowingIndex])[] {
    return [...this.#entries.values()]
      .filter(({ builder }) => builder.records > 0)
      .map(({ segment, builder }) => [segment.key, growingIndex(builder, formula, inner)]);
  }
}

function growingIndex(builder: IndexBuilder, formula: IndexFormula, inner: IndexFormula | undefined): GrowingIndex {
  const known = { blocks: encodeBlocks(builder.blocks), end: builder.length };
  const keys = builderKeys(builder);
  const found = formulaBlocks(formula, 'outer', keys);
  if (found === undefined) return known;
  if (inner !== undefined) {
    const inside = formulaBlocks(inner, 'inner', keys);
    if (inside === undefined) return known;
    found.or(inside);
  }
  const candidates = new Int32Array(found.count);
  let at = candidates.length;
  for (let block = found.before(keys.blocks); block >= 0; block = found.before(block)) candidates[(at -= 1)] = block;
  return { ...known, candidates };
}

/** It has the one name or the other, and may get the other at any moment. */
function openPackets({ directory, number }: SegmentToIndex): number {
  const { open, sealed } = segmentFiles(number);
  try {
    return openSync(join(directory, open), 'r');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    return openSync(join(directory, sealed), 'r');
  }
}

/** Puts the index beside the packets, on the disk with its name before it returns; gives its length. Whatever fails leaves nothing. */
function writeIndex({ directory, number }: SegmentToIndex, pieces: readonly Uint8Array[]): number {
  const { index, new_index } = segmentFiles(number);
  const path = join(directory, new_index);
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  try {
    const descriptor = openSync(path, 'w', 0o600);
    try {
      writeAll(descriptor, pieces);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(path, join(directory, index));
  } catch (error) {
    removeIfThere(path);
    throw error;
  }
  syncDirectory(directory);
  return length;
}

function writeAll(descriptor: number, pieces: readonly Uint8Array[]): void {
  let left = pieces.filter((piece) => piece.length > 0);
  while (left.length > 0) {
    let written = writevSync(descriptor, left);
    while (left.length > 0 && written >= (left[0]?.length ?? 0)) {
      written -= left[0]?.length ?? 0;
      left = left.slice(1);
    }
    if (written > 0) left = [left[0]?.subarray(written) ?? new Uint8Array(0), ...left.slice(1)];
  }
}

function syncDirectory(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function removeIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
}
