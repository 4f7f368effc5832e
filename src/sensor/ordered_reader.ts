import { type FileHandle, open } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { raise } from '../model/errors/fault.ts';
import type { ByteReader } from '../upload/growing_file.ts';
import { SumBuilder } from '../upload/sums/sum_builder.ts';
import type { SumPoint } from '../upload/sums/sum_point.ts';
import type { SummedFile } from './read_summed.ts';
import { type BlockIndex, eachRecord, indexBlocks, type RecordBlock } from './record_blocks.ts';
import { compareKeys, type RecordKey, RecordKeys } from './record_keys.ts';

/** Memory for packets of one window. */
const window_bytes_default = 8 << 20;
/** A piece is read for its digest while the one before is read to be sent, each over the edge of a window at most. */
const windows_kept = 4;

/** A stretch of the ordered file: where it begins, and behind which record. */
interface Window {
  readonly start: number;
  readonly after: RecordKey | undefined;
}

/**
 * Reads a part's file, whose packets are not all in the order of their times, as if they were; packets of the same time keep theirs.
 * Nothing is written: each window of time is put together from the stretches of the file that have packets of it, whenever it is read.
 * Takes some 50 MB of memory, whatever the size of the file; how often that is read depends on how far packets are out of place.
 */
export class OrderedReader implements ByteReader {
  readonly #from: SummedFile;
  readonly #file: FileHandle;
  readonly #index: BlockIndex;
  readonly #by_oldest: readonly RecordBlock[];
  readonly #window_bytes: number;
  readonly #windows: Window[];
  /** By their number, the one last used at the end. */
  readonly #kept = new Map<number, Uint8Array>();
  readonly #sums: SumBuilder;
  #summed = 0;
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(from: SummedFile, file: FileHandle, index: BlockIndex, window_bytes: number) {
    this.#from = from;
    this.#file = file;
    this.#index = index;
    this.#window_bytes = window_bytes;
    this.#by_oldest = index.blocks.toSorted((one, other) => compareKeys(one.oldest, other.oldest));
    this.#windows = [{ start: index.header.length, after: undefined }];
    this.#sums = new SumBuilder(from.piece_bytes);
    this.#sums.add(index.header);
  }

  /**
   * Reads the file once, to know what is where.
   * @throws {FaultError} `part_file_damaged` where it is not what was written; errors of the system
   */
  static async open(from: SummedFile, window_bytes: number = window_bytes_default): Promise<OrderedReader> {
    const index = await indexBlocks(from);
    return new OrderedReader(from, await open(from.path, 'r'), index, window_bytes);
  }

  /** What the ordered file is, as far as it has been read. */
  get points(): readonly SumPoint[] {
    return this.#sums.points;
  }

  async read(
    buffer: Uint8Array,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ readonly bytesRead: number }> {
    // One at a time: what one needs is what the other has just made.
    const reading = this.#turn.then(async () => await this.#read(buffer.subarray(offset, offset + length), position));
    this.#turn = reading.catch(() => undefined);
    return { bytesRead: await reading };
  }

  async close(): Promise<void> {
    await this.#turn;
    await this.#file.close();
  }

  async #read(into: Uint8Array, position: number): Promise<number> {
    const { header } = this.#index;
    if (position < header.length) {
      const part = header.subarray(position, position + into.length);
      into.set(part);
      return part.length;
    }
    let number = this.#windows.findLastIndex(({ start }) => start <= position);
    for (;;) {
      const window = this.#windows[number];
      if (window === undefined) return 0;
      const bytes = await this.#bytesOf(number, window);
      const at = position - window.start;
      if (at < bytes.length) {
        const part = bytes.subarray(at, at + into.length);
        into.set(part);
        return part.length;
      }
      if (bytes.length === 0) return 0;
      number += 1;
    }
  }

  async #bytesOf(number: number, window: Window): Promise<Uint8Array> {
    const known = this.#kept.get(number);
    this.#kept.delete(number);
    const bytes = known ?? (await this.#make(number, window));
    this.#kept.set(number, bytes);
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= windows_kept) break;
      this.#kept.delete(oldest);
    }
    return bytes;
  }

  async #make(number: number, { start, after }: Window): Promise<Uint8Array> {
    const keys = await this.#keysAfter(after);
    const bytes = await this.#gather(keys);
    if (number === this.#windows.length - 1 && keys.count > 0) {
      this.#windows.push({ start: start + bytes.length, after: keys.key(keys.count - 1) });
    }
    if (number === this.#summed) {
      this.#summed += 1;
      this.#sums.add(bytes);
      if (this.#sums.length === this.#from.file_bytes) this.#sums.settle();
    }
    return bytes;
  }

  /** The first records behind that one, in order: as many as a window takes. */
  async #keysAfter(after: RecordKey | undefined): Promise<RecordKeys> {
    const wanted = this.#window_bytes;
    const keys = new RecordKeys();
    let last: RecordKey | undefined;
    for (const block of this.#by_oldest) {
      if (last !== undefined && compareKeys(block.oldest, last) > 0) break;
      if (after !== undefined && compareKeys(block.newest, after) <= 0) continue;
      const until = last;
      eachRecord(await this.#blockBytes(block), block.start, (key, length_bytes) => {
        if (after !== undefined && compareKeys(key, after) <= 0) return;
        if (until === undefined || compareKeys(key, until) <= 0) keys.add(key, length_bytes);
      });
      if (keys.bytes >= (last === undefined ? wanted : 2 * wanted)) last = keys.keepFirst(wanted);
    }
    keys.keepFirst(wanted);
    return keys;
  }

  /** These records, one behind the other. */
  async #gather(keys: RecordKeys): Promise<Uint8Array> {
    const into = new Uint8Array(keys.bytes);
    const places = new Float64Array(keys.count);
    for (let index = 0, place = 0; index < keys.count; index += 1) {
      places[index] = place;
      place += keys.length(index);
    }
    const by_place = Uint32Array.from(places.keys()).sort((one, other) => keys.at(one) - keys.at(other));
    const { blocks } = this.#index;
    let number = 0;
    let bytes: Uint8Array | undefined;
    for (const index of by_place) {
      const at = keys.at(index);
      while (at >= (blocks[number]?.end ?? Infinity)) [number, bytes] = [number + 1, undefined];
      const block = blocks[number];
      if (block === undefined) break;
      bytes ??= await this.#blockBytes(block);
      into.set(bytes.subarray(at - block.start, at - block.start + keys.length(index)), places[index] ?? 0);
    }
    return into;
  }

  async #blockBytes({ start, end, checksum }: RecordBlock): Promise<Uint8Array> {
    const bytes = new Uint8Array(end - start);
    for (let done = 0; done < bytes.length; ) {
      const { bytesRead } = await this.#file.read(bytes, done, bytes.length - done, start + done);
      if (bytesRead === 0) this.#damaged(`it ends at byte ${start + done}`);
      done += bytesRead;
    }
    if (crc32(bytes) !== checksum) this.#damaged(`bytes ${start} to ${end} are not what they were before`);
    return bytes;
  }

  #damaged(reason: string): never {
    raise('part_file_damaged', { path: this.#from.path, reason });
  }
}
