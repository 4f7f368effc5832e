import { raise } from '../model/errors/fault.ts';
import type { CaptureInterface, ReadOptions } from './capture_format.ts';
import { detectedFormat } from './detected_format.ts';
import { createRecordBatch, type RecordBatch, setBatchBytes } from './record_batch.ts';

/** Reads a pcap or pcapng file from pieces of any size, in memory that does not grow with the file. */
export interface CaptureReader {
  /** The interfaces described so far; a classic pcap file has one, known once its header has come. */
  readonly interfaces: readonly CaptureInterface[];
  /** File offset of the end of the last whole header, record or block: what lies after it is torn, or still to come. */
  readonly whole_bytes: number;
  /**
   * Takes the next piece of the file and gives the packets that are whole with it. Must be iterated to its end before the
   * next piece. A batch and its bytes are good until the next batch is asked for; the piece must not change before that.
   * Throws `pcap_magic` and `pcap_malformed`, after everything before the damage has been given; the reader is done then.
   */
  push(chunk: Uint8Array): Generator<RecordBatch, void, undefined>;
  /** The file ends here. Throws `pcap_truncated` where that is in the middle of something. */
  end(): void;
}

/** Makes a reader; the file's first bytes tell its format. */
export function createCaptureReader(options: ReadOptions = {}): CaptureReader {
  const format = detectedFormat(options);
  const batch = createRecordBatch(options.batch_records ?? 1024);
  // An item that began in one piece and ends in another is put together here.
  let carry = new Uint8Array(64);
  let held = 0;
  /** File offset up to which bytes have been read or are held. */
  let position = 0;
  let busy = false;

  const hold = (bytes: Uint8Array): void => {
    if (held + bytes.length > carry.length) {
      const grown = new Uint8Array(Math.max(2 * carry.length, held + bytes.length));
      grown.set(carry.subarray(0, held));
      carry = grown;
    }
    carry.set(bytes, held);
    held += bytes.length;
    position += bytes.length;
  };

  const take = (bytes: Uint8Array, at: number, from: number): number => {
    batch.count = 0;
    setBatchBytes(batch, bytes);
    return format.take(bytes, at, from, batch);
  };

  function* read(chunk: Uint8Array): Generator<RecordBatch, void, undefined> {
    const start = position;
    let at = 0;
    while (at < chunk.length) {
      if (held === 0) {
        const next = take(chunk, at, start);
        position = start + next;
        if (next === at) hold(chunk.subarray(at));
        at = position - start;
      } else {
        const missing = format.needed(carry, 0, held, position - held) - held;
        if (missing > 0) hold(chunk.subarray(at, Math.min(at + missing, chunk.length)));
        at = position - start;
        if (held < format.needed(carry, 0, held, position - held)) continue;
        const length = held;
        held -= take(carry.subarray(0, length), 0, position - length);
      }
      if (batch.count > 0) yield batch;
    }
    busy = false;
  }

  return {
    get interfaces() {
      return format.interfaces;
    },
    get whole_bytes() {
      return format.whole_bytes;
    },
    push(chunk) {
      if (busy) throw new Error('the piece before has not been read to its end');
      busy = true;
      return read(chunk);
    },
    end() {
      const offset = format.whole_bytes;
      if (offset === 0 || offset !== position) raise('pcap_truncated', { offset });
    },
  };
}
