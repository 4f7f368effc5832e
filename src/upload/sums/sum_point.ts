/**
 * How a file was when it was written, up to one place: what is recorded elsewhere and compared when the file is read. Each checksum goes
 * on from the one before (`crc32(bytes between the two, the one before)`), so that what lies between two points can be
 * checked alone.
 */
export interface SumPoint {
  readonly end_bytes: number;
  /** Records before `end_bytes`, and their captured bytes. */
  readonly packets: number;
  readonly bytes: number;
  /** CRC-32 of everything before `end_bytes`. */
  readonly checksum: number;
  /** A record ends here; otherwise a piece of an upload does. */
  readonly whole: boolean;
}

/** The points of a file, ascending. */
export interface FileSums {
  readonly points: readonly SumPoint[];
  /** How long the file is, as far as it is summed up. */
  readonly length: number;
}
