import type { WritableBatch } from './record_batch.ts';

/** One interface of a capture file: what its packets begin with, and what the file says of it. */
export interface CaptureInterface {
  readonly linktype: number;
  readonly snaplen: number;
  readonly name?: string;
  readonly description?: string;
  /** The capture filter as libpcap text. */
  readonly filter?: string;
}

/** What a reader may be told. */
export interface ReadOptions {
  /** A record with more captured bytes is taken for damage; 262,144 by default, which is libpcap's own bound. */
  readonly captured_max_bytes?: number;
  /** Packets in a batch at most; 1,024 by default. */
  readonly batch_records?: number;
  /**
   * Take for damage also what no writer of ours writes: an all-zero record header (a tail that the file system never
   * filled), a fraction of a second or more, more captured bytes than there were. Off by default; for recovery.
   */
  readonly strict?: boolean;
}

/**
 * The grammar of one file format, as the stream reader asks for it. An item is the least that can be read by itself: a file
 * header, a record, a block. `position` is the file offset of `bytes[0]`, for errors.
 */
export interface CaptureFormat {
  readonly interfaces: readonly CaptureInterface[];
  /** File offset of the end of the last whole file header, record or block. */
  readonly whole_bytes: number;
  /** The bytes that the item at `at` takes, as far as `available` of them tell; more than `available` when more must come. */
  needed(bytes: Uint8Array, at: number, available: number, position: number): number;
  /**
   * Reads items from `at` on into the batch, and returns where it stopped: at the end, before an item that is not all
   * there, with a full batch, or before damage. Damage is thrown only while the batch is empty, so that everything before
   * it is had first.
   */
  take(bytes: Uint8Array, at: number, position: number, batch: WritableBatch): number;
}
