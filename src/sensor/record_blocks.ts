import { crc32 } from 'node:zlib';
import { raise } from '../model/errors/fault.ts';
import { pcapHeaderBytes } from '../pcap/pcap_header.ts';
import { readSummed, type SummedFile } from './read_summed.ts';
import type { RecordKey } from './record_keys.ts';

/** A stretch of whole records of a part's file. */
export interface RecordBlock {
  readonly start: number;
  readonly end: number;
  readonly checksum: number;
  /** The first and the last of its records in time. */
  readonly oldest: RecordKey;
  readonly newest: RecordKey;
}

/** What a file that cannot be kept in memory is looked up by. */
export interface BlockIndex {
  readonly header: Uint8Array;
  /** In the order of the file. */
  readonly blocks: readonly RecordBlock[];
}

const block_bytes = 1 << 20;
const record_header_bytes = 16;
/** No packet is longer, so what says more is none. */
const captured_max = 1 << 26;

/** Calls `visit` for each whole record of bytes that stand at `base` in their file; returns how many bytes they were. */
export function eachRecord(
  bytes: Uint8Array,
  base: number,
  visit: (key: RecordKey, length_bytes: number) => void,
): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  while (at + record_header_bytes <= bytes.length) {
    const length = record_header_bytes + view.getUint32(at + 8, true);
    if (length > captured_max) throw new RangeError(`a packet of ${length} bytes at byte ${base + at}`);
    if (at + length > bytes.length) break;
    visit({ seconds: view.getUint32(at, true), nanos: view.getUint32(at + 4, true), at: base + at }, length);
    at += length;
  }
  return at;
}

/**
 * Reads a part's file once, in bounded memory, and notes what is where.
 * @throws {FaultError} `part_file_damaged` where it is not what was written
 */
export async function indexBlocks(from: SummedFile): Promise<BlockIndex> {
  const blocks: RecordBlock[] = [];
  let held: Uint8Array = new Uint8Array(0);
  let header: Uint8Array | undefined;
  let base = 0;
  const take = (least_bytes: number): void => {
    if (held.length < least_bytes) return;
    const block = blockOf(held, base);
    if (block === undefined) return;
    blocks.push(block);
    held = held.subarray(block.end - base);
    base = block.end;
  };
  try {
    for await (const chunk of readSummed(from)) {
      held = Buffer.concat([held, chunk]);
      if (header === undefined && held.length >= pcapHeaderBytes) {
        header = Uint8Array.from(held.subarray(0, pcapHeaderBytes));
        [held, base] = [held.subarray(pcapHeaderBytes), pcapHeaderBytes];
      }
      if (header !== undefined) take(block_bytes);
    }
    if (header !== undefined) take(1);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    raise('part_file_damaged', { path: from.path, reason: error.message }, { cause: error });
  }
  if (header === undefined || held.length > 0) {
    raise('part_file_damaged', { path: from.path, reason: `it ends in the midst of a packet, at byte ${base}` });
  }
  return { header, blocks };
}

function blockOf(bytes: Uint8Array, base: number): RecordBlock | undefined {
  let oldest: RecordKey | undefined;
  let newest: RecordKey | undefined;
  const length = eachRecord(bytes, base, (key) => {
    if (oldest === undefined || isEarlier(key, oldest)) oldest = key;
    if (newest === undefined || !isEarlier(key, newest)) newest = key;
  });
  if (oldest === undefined || newest === undefined) return undefined;
  return { start: base, end: base + length, checksum: crc32(bytes.subarray(0, length)), oldest, newest };
}

function isEarlier(one: RecordKey, other: RecordKey): boolean {
  return one.seconds < other.seconds || (one.seconds === other.seconds && one.nanos < other.nanos);
}
