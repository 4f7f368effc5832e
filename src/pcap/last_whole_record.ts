import { FaultError } from '../model/errors/fault.ts';
import type { ReadOptions } from './capture_format.ts';
import { createCaptureReader } from './capture_reader.ts';

/** What of a file that its writer did not finish can be kept. */
export interface WholePart {
  /** Length of the part that is whole: cut the file here. 0 when not even its header is. */
  readonly whole_bytes: number;
  readonly packets: number;
  /** Sum of the captured lengths. */
  readonly captured_bytes: number;
  /** No packet is older than the one before it. */
  readonly ascending: boolean;
  /** Damage, not mere end, is what follows: why. */
  readonly damage?: string;
}

/**
 * Finds where the last whole record (or, in pcapng, block) of a file ends, a piece at a time. Strict: also a tail of zeros,
 * which a file system may leave after a power cut, and records that no writer of ours makes, end the good part.
 */
export function lastWholeRecord(chunks: Iterable<Uint8Array>, options: Omit<ReadOptions, 'strict'> = {}): WholePart {
  const reader = createCaptureReader({ ...options, strict: true });
  let [packets, captured_bytes] = [0, 0];
  let [ascending, last_seconds, last_nanos] = [true, Number.NEGATIVE_INFINITY, 0];
  const result = (): WholePart => ({ whole_bytes: reader.whole_bytes, packets, captured_bytes, ascending });
  try {
    for (const chunk of chunks) {
      for (const batch of reader.push(chunk)) {
        packets += batch.count;
        for (let record = 0; record < batch.count; record++) {
          captured_bytes += batch.captured[record] ?? 0;
          const [seconds, nanos] = [batch.seconds[record] ?? 0, batch.nanos[record] ?? 0];
          if (seconds < last_seconds || (seconds === last_seconds && nanos < last_nanos)) ascending = false;
          [last_seconds, last_nanos] = [seconds, nanos];
        }
      }
    }
  } catch (error) {
    if (!(error instanceof FaultError)) throw error;
    return { ...result(), damage: error.message };
  }
  return result();
}
