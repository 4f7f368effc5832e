import { crc32 } from 'node:zlib';
import type { FileSums, SumPoint } from './sum_point.ts';

/** Of a classic pcap file and of a record in it. */
const pcapHeaderBytes = 24;
const recordHeaderBytes = 16;
/** A block ends with the record that makes it at least so long; damage costs a block. */
const block_least_bytes = 1 << 18;
/** And at least this share of the file: so the points of a large file are few. */
const block_share = 4096;

/** Sums a classic little-endian pcap file up as it grows: see `SumPoint`. */
export class SumBuilder implements FileSums {
  readonly #piece_bytes: number;
  readonly #points: SumPoint[] = [];
  /** The file's first bytes. */
  readonly #header = new Uint8Array(pcapHeaderBytes);
  #length = 0;
  #checksum = 0;
  #packets = 0;
  #bytes = 0;
  /** Where the next record begins. */
  #next = pcapHeaderBytes;
  /** The bytes of its header that have come: it may be cut in two. */
  readonly #record = new Uint8Array(recordHeaderBytes);

  /** `points` are those of an earlier builder, up to a whole one, to go on from. */
  constructor(piece_bytes: number, points: readonly SumPoint[] = []) {
    this.#piece_bytes = piece_bytes;
    const last = points.at(-1);
    if (last === undefined) return;
    if (!last.whole) throw new RangeError('it can only go on behind a whole record');
    this.#points.push(...points);
    [this.#length, this.#checksum, this.#next] = [last.end_bytes, last.checksum, last.end_bytes];
    [this.#packets, this.#bytes] = [last.packets, last.bytes];
  }

  get points(): readonly SumPoint[] {
    return this.#points;
  }

  get length(): number {
    return this.#length;
  }

  /** The file's header, once it has come through here. */
  get header(): Uint8Array {
    return this.#header;
  }

  /** Takes the file's next bytes. */
  add(bytes: Uint8Array): void {
    if (this.#length < pcapHeaderBytes)
      this.#header.set(bytes.subarray(0, pcapHeaderBytes - this.#length), this.#length);
    const base = this.#length;
    const end = base + bytes.length;
    const sumTo = (place: number): void => {
      this.#checksum = crc32(bytes.subarray(this.#length - base, place - base), this.#checksum);
      this.#length = place;
    };
    for (;;) {
      const edge = (Math.floor(this.#endOfPoints() / this.#piece_bytes) + 1) * this.#piece_bytes;
      if (edge <= end && edge <= this.#next) {
        sumTo(edge);
        this.#point(edge === this.#next);
        continue;
      }
      if (this.#next - this.#endOfPoints() >= this.#blockBytes() && this.#next <= end) {
        sumTo(this.#next);
        this.#point(true);
        continue;
      }
      if (edge <= end && edge < this.#next + recordHeaderBytes) {
        sumTo(edge);
        this.#point(false);
        continue;
      }
      if (!this.#readHeader(bytes, base)) break;
    }
    sumTo(end);
  }

  /** Makes a point here, if a whole record ends here. */
  settle(): void {
    if (this.#length === this.#next && this.#length > this.#endOfPoints()) this.#point(true);
  }

  #endOfPoints(): number {
    return this.#points.at(-1)?.end_bytes ?? 0;
  }

  #blockBytes(): number {
    // The file's header is a block of its own: it is the same in every file of a link type.
    if (this.#points.length === 0) return pcapHeaderBytes;
    return Math.max(block_least_bytes, Math.floor(this.#next / block_share));
  }

  #point(whole: boolean): void {
    const [end_bytes, packets, bytes, checksum] = [this.#length, this.#packets, this.#bytes, this.#checksum];
    this.#points.push({ end_bytes, packets, bytes, checksum, whole });
  }

  /** Reads the header of the next record and goes on behind that; false where it is not all there yet. */
  #readHeader(bytes: Uint8Array, base: number): boolean {
    const end = base + bytes.length;
    const from = Math.max(base, this.#next);
    const until = Math.min(end, this.#next + recordHeaderBytes);
    if (from < until) this.#record.set(bytes.subarray(from - base, until - base), from - this.#next);
    if (end < this.#next + recordHeaderBytes) return false;
    const captured = new DataView(this.#record.buffer).getUint32(8, true);
    this.#packets += 1;
    this.#bytes += captured;
    this.#next += recordHeaderBytes + captured;
    return true;
  }
}
