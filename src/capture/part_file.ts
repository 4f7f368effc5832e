import { type Fault, fault } from '../model/errors/fault.ts';
import type { ByteRuns } from './byte_runs.ts';
import type { SpoolShare } from './spool_share.ts';
import { wholeRecords } from './whole_records.ts';

/** The calls on one open file that a part is written with. */
export interface FileWriter {
  /** Writes at a position; returns the bytes written, which may be fewer than given. Throws as `fs.writevSync` does. */
  write(pieces: readonly Uint8Array[], position: number): number;
  truncate(length: number): void;
}

/** Memories that runs point into. */
export interface Memories {
  view(memory: number): DataView;
  bytes(memory: number, start: number, end: number): Uint8Array;
}

/**
 * The file of one part, written from its beginning to its end in whole records, within the spool's budget. After the first
 * failure (budget used up, or the disk) it ends with the last whole record and takes no more.
 */
export class PartFile {
  /** Packets in the file, and their captured bytes. */
  packets = 0n;
  bytes = 0n;
  /** Length of the file. */
  length = 0;
  /** Why it takes no more: `spool_full`, `spool_share_full` or `spool_write_failed`. */
  fault: Fault | undefined;
  readonly #file: FileWriter;
  readonly #budget: Pick<SpoolShare, 'reserve' | 'release' | 'fullFault'>;

  constructor(file: FileWriter, budget: Pick<SpoolShare, 'reserve' | 'release' | 'fullFault'>) {
    this.#file = file;
    this.#budget = budget;
  }

  /** Writes the file's header. */
  begin(header: Uint8Array): void {
    const granted = this.#budget.reserve(header.length);
    if (granted < header.length) {
      this.#budget.release(granted);
      this.fault = this.#budget.fullFault();
      return;
    }
    this.length = this.#write([header], 0, header.length) === header.length ? header.length : 0;
    if (this.fault !== undefined) this.#cutTo(0, header.length);
  }

  /** Writes the records of the runs, as many as there is room for. `all` says how many they are and their captured bytes. */
  append(runs: ByteRuns, memories: Memories, all: { readonly packets: number; readonly bytes: number }): void {
    if (this.fault !== undefined || runs.bytes === 0) return;
    const view = (memory: number): DataView => memories.view(memory);
    const granted = this.#budget.reserve(runs.bytes);
    let room = granted;
    if (granted < runs.bytes) {
      this.fault = this.#budget.fullFault();
      room = wholeRecords(runs, view, granted).file_bytes;
    }
    const written = this.#write(piecesOf(runs, memories, room), this.length, room);
    const whole = written === runs.bytes ? { ...all, file_bytes: written } : wholeRecords(runs, view, written);
    this.length += whole.file_bytes;
    this.packets += BigInt(whole.packets);
    this.bytes += BigInt(whole.bytes);
    if (whole.file_bytes < granted) this.#cutTo(this.length, granted - whole.file_bytes);
  }

  #write(pieces: Uint8Array[], position: number, total: number): number {
    let written = 0;
    let rest = pieces;
    try {
      while (written < total) {
        const count = this.#file.write(rest, position + written);
        if (count === 0) throw new Error('nothing was written');
        written += count;
        if (written < total) rest = without(rest, count);
      }
    } catch (error) {
      this.fault = fault('spool_write_failed', { reason: error instanceof Error ? error.message : String(error) });
    }
    return written;
  }

  #cutTo(length: number, unused_bytes: number): void {
    this.#budget.release(unused_bytes);
    try {
      this.#file.truncate(length);
    } catch (error) {
      this.fault ??= fault('spool_write_failed', { reason: error instanceof Error ? error.message : String(error) });
    }
  }
}

function piecesOf(runs: ByteRuns, memories: Memories, limit_bytes: number): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  let left = limit_bytes;
  for (let run = 0; run < runs.count && left > 0; run += 1) {
    const start = runs.starts[run] ?? 0;
    const end = Math.min(runs.ends[run] ?? 0, start + left);
    pieces.push(memories.bytes(runs.memories[run] ?? 0, start, end));
    left -= end - start;
  }
  return pieces;
}

function without(pieces: readonly Uint8Array[], count: number): Uint8Array[] {
  let skip = count;
  const rest: Uint8Array[] = [];
  for (const piece of pieces) {
    if (skip < piece.length) rest.push(piece.subarray(skip));
    skip = Math.max(0, skip - piece.length);
  }
  return rest;
}
