import { BatchMemory } from '../libpcap/batch_memory.ts';
import type { Libpcap } from '../libpcap/binding.ts';
import type { LiveHandle } from '../libpcap/live_handle.ts';
import type { Memories } from './part_file.ts';

/** A memory is filled up to here before the next is taken: what one write(2) then gets. */
export const fill_bytes = 1 << 20;
/** Memories of one capture at most; one with a small ring has fewer. */
export const memories_max = 8;

/**
 * The memories that one capture reads into, numbered. One is filled at a time; a full one waits until its records are
 * written, and is then used again, the last used first, so that few are touched.
 */
export class BatchMemories implements Memories {
  readonly #native: Libpcap | undefined;
  readonly #handle: LiveHandle;
  readonly #snaplen_bytes: number;
  readonly #waitingIn: Uint32Array;
  readonly #memories: BatchMemory[] = [];
  readonly #free: number[] = [];
  readonly #full: number[] = [];
  #filling: number;

  /** `waitingIn` tells how many records of each memory are still needed; as long as that is, so many memories there are at most. */
  constructor(handle: LiveHandle, snaplen_bytes: number, waitingIn: Uint32Array, native?: Libpcap) {
    this.#native = native;
    this.#handle = handle;
    this.#snaplen_bytes = snaplen_bytes;
    this.#waitingIn = waitingIn;
    this.#filling = this.#make();
  }

  /** What the file begins with. */
  get fileHeader(): Uint8Array {
    return this.#at(0).fileHeader;
  }

  /** The number of the memory that is being filled. */
  get filling(): number {
    return this.#filling;
  }

  get current(): BatchMemory {
    return this.#at(this.#filling);
  }

  view(memory: number): DataView {
    return this.#at(memory).view;
  }

  bytes(memory: number, start: number, end: number): Uint8Array {
    return this.#at(memory).bytes(start, end);
  }

  /** Takes memories back whose records are all written, and goes on to the next one where the current is full. False: none is left. */
  advance(): boolean {
    if (this.current.length < fill_bytes) return true;
    this.reclaim();
    if (this.current.length === 0) return true;
    const next = this.#free.pop() ?? (this.#memories.length < this.#waitingIn.length ? this.#make() : undefined);
    if (next === undefined) return false;
    this.#full.push(this.#filling);
    this.#filling = next;
    return true;
  }

  /** Takes memories back whose records are all written. */
  reclaim(): void {
    for (let index = this.#full.length - 1; index >= 0; index -= 1) {
      const memory = this.#full[index] ?? 0;
      if (this.#waitingIn[memory] !== 0) continue;
      this.#at(memory).rewind();
      this.#free.push(memory);
      this.#full.splice(index, 1);
    }
    if (this.#waitingIn[this.#filling] === 0) this.current.rewind();
  }

  close(): void {
    for (const memory of this.#memories) memory.close();
  }

  #make(): number {
    const memory = new BatchMemory(this.#handle, { fill_bytes, snaplen_bytes: this.#snaplen_bytes }, this.#native);
    return this.#memories.push(memory) - 1;
  }

  #at(memory: number): BatchMemory {
    const found = this.#memories[memory];
    if (found === undefined) throw new RangeError(`there is no memory ${memory}`);
    return found;
  }
}
