import { crc32 } from 'node:zlib';
import type { SumPoint } from './sum_point.ts';

/** Where a file is not what was written: somewhere in `[from, to)`. */
export interface WrongBytes {
  readonly from: number;
  readonly to: number;
}

/** Compares a file, read from its beginning, with its points. */
export class SumCheck {
  readonly #points: () => readonly SumPoint[];
  #next_point = 0;
  #length = 0;
  #checksum = 0;

  /** The points may become more. */
  constructor(points: () => readonly SumPoint[]) {
    this.#points = points;
  }

  /** The checksum of everything that has been read. */
  get checksum(): number {
    return this.#checksum;
  }

  /** Takes the next bytes; says what of them, or of those before, is wrong. */
  add(bytes: Uint8Array): WrongBytes | undefined {
    const base = this.#length;
    const end = base + bytes.length;
    const points = this.#points();
    for (let point = points[this.#next_point]; point !== undefined && point.end_bytes <= end; ) {
      this.#checksum = crc32(bytes.subarray(this.#length - base, point.end_bytes - base), this.#checksum);
      this.#length = point.end_bytes;
      if (this.#checksum !== point.checksum) {
        return { from: points[this.#next_point - 1]?.end_bytes ?? 0, to: point.end_bytes };
      }
      this.#next_point += 1;
      point = points[this.#next_point];
    }
    this.#checksum = crc32(bytes.subarray(this.#length - base), this.#checksum);
    this.#length = end;
    return undefined;
  }
}
