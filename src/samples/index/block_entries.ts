import type { SplitTime } from '../split_time.ts';
import { blocks_section, pageEntries, sections } from './index_layout.ts';
import { runningGreatest } from './running_greatest.ts';

const entry_bytes = sections[blocks_section]?.entry_bytes ?? 0;
const per_page = pageEntries({ entry_bytes, page_note_bytes: 0 });

/** Where block entries come from: a file, page by page, or memory. */
export interface BlockPages {
  readonly count: number;
  /** Where the last block ends in the packet file. */
  readonly end: number;
  /** The entries of a page; throws `IndexDamage` where they are not as they were written. */
  page(page: number): DataView;
  /** For each page: no packet of it, or of a page before it, is newer. */
  readonly newestThrough: readonly SplitTime[];
}

/** The blocks of a packet file, as its index has them: see docs/formats/index.md. */
export class BlockEntries {
  readonly count: number;
  readonly #pages: BlockPages;
  #loaded = -1;
  #view: DataView = new DataView(new ArrayBuffer(0));

  constructor(pages: BlockPages) {
    this.#pages = pages;
    this.count = pages.count;
  }

  /** Where a block begins in the packet file; of the number behind the last block: where that ends. */
  offset(block: number): number {
    if (block >= this.count) return this.#pages.end;
    const at = this.#seek(block);
    return this.#view.getUint32(at, true);
  }

  checksum(block: number): number {
    const at = this.#seek(block);
    return this.#view.getUint32(at + 4, true);
  }

  greatest(block: number): SplitTime {
    const at = this.#seek(block);
    return { seconds: this.#view.getUint32(at + 8, true), nanos: this.#view.getUint32(at + 12, true) };
  }

  least(block: number): SplitTime {
    const at = this.#seek(block);
    return { seconds: this.#view.getUint32(at + 16, true), nanos: this.#view.getUint32(at + 20, true) };
  }

  /** May the block have a packet later than `after` and not later than `until`? */
  touches(block: number, after: SplitTime, until: SplitTime): boolean {
    const at = this.#seek(block);
    return this.#later(at + 8, after) && !this.#later(at + 16, until);
  }

  /** Are all of the block's packets later than `after` and not later than `until`? */
  within(block: number, after: SplitTime, until: SplitTime): boolean {
    const at = this.#seek(block);
    return this.#later(at + 16, after) && !this.#later(at + 8, until);
  }

  /** No packet of this block, or of one before it, is newer. */
  newestUpTo(block: number): SplitTime {
    const page = Math.floor(block / per_page);
    let newest = this.#pages.newestThrough[page - 1] ?? { seconds: 0, nanos: 0 };
    for (let one = page * per_page; one <= block; one += 1) {
      const at = this.#seek(one);
      if (this.#later(at + 8, newest)) newest = this.greatest(one);
    }
    return newest;
  }

  #later(at: number, than: SplitTime): boolean {
    const seconds = this.#view.getUint32(at, true);
    return seconds > than.seconds || (seconds === than.seconds && this.#view.getUint32(at + 4, true) > than.nanos);
  }

  /** Makes sure of a block's page; gives where its entry begins in it. */
  #seek(block: number): number {
    const page = Math.floor(block / per_page);
    if (page !== this.#loaded) {
      this.#view = this.#pages.page(page);
      this.#loaded = page;
    }
    return (block - page * per_page) * entry_bytes;
  }
}

/** Blocks whose entries are in memory, one after the other. */
export function blocksInMemory(bytes: Uint8Array, end: number): BlockPages {
  const count = bytes.length / entry_bytes;
  const page = (number: number): DataView => {
    const first = number * per_page;
    const entries = Math.min(per_page, count - first);
    return new DataView(bytes.buffer, bytes.byteOffset + first * entry_bytes, entries * entry_bytes);
  };
  const greatestOf = (number: number): SplitTime => {
    const view = page(number);
    let [seconds, nanos] = [0, 0];
    for (let at = 0; at < view.byteLength; at += entry_bytes) {
      const [s, ns] = [view.getUint32(at + 8, true), view.getUint32(at + 12, true)];
      if (s > seconds || (s === seconds && ns > nanos)) [seconds, nanos] = [s, ns];
    }
    return { seconds, nanos };
  };
  return { count, end, page, newestThrough: runningGreatest(Math.ceil(count / per_page), greatestOf) };
}
