import { closeSync, fsyncSync, ftruncateSync, fstatSync, openSync, readSync } from 'node:fs';
import { pcapHeaderBytes } from '../pcap/pcap_header.ts';
import { recordHeaderBytes } from '../pcap/pcap_record.ts';
import { WholeRecordScanner } from '../pcap/whole_record_scanner.ts';
import { lastWholeRecord } from '../pcap/last_whole_record.ts';

const piece_bytes = 1 << 20;

/** What of a part's file survived the process that wrote it. */
export interface RecoveredFile {
  /** Length of the file now: up to the end of its last whole record; 0 where not even its header was whole. */
  readonly file_bytes: number;
  readonly packets: number;
  /** Sum of the captured lengths. */
  readonly bytes: number;
  /** No packet is older than the one before it. */
  readonly ascending: boolean;
  /** Bytes behind that: cut off, unless the file was to be left as it is. */
  readonly cut_bytes: number;
  /** Something in it is damaged, and records follow: it was left as it is, and all of its records are counted, as far as they look whole. */
  readonly damaged?: true;
}

/**
 * Cuts a part's file after its last whole record, unless it is to be left as it is or whole records follow behind what is damaged, and tells
 * what is whole of it.
 */
export function recoverFile(path: string, options: { readonly leave?: boolean } = {}): RecoveredFile {
  const descriptor = openSync(path, 'r+');
  try {
    const { size } = fstatSync(descriptor);
    const whole = lastWholeRecord(pieces(descriptor));
    if (whole.whole_bytes < size && options.leave !== true) {
      const behind = countRecords(descriptor, Math.max(whole.whole_bytes, pcapHeaderBytes), false);
      if (behind.packets > 0) {
        const all = countRecords(descriptor, pcapHeaderBytes, true);
        return { ...all, file_bytes: size, ascending: false, cut_bytes: 0, damaged: true };
      }
      ftruncateSync(descriptor, whole.whole_bytes);
      fsyncSync(descriptor);
    }
    return {
      file_bytes: whole.whole_bytes,
      packets: whole.packets,
      bytes: whole.captured_bytes,
      ascending: whole.ascending,
      cut_bytes: size - whole.whole_bytes,
    };
  } finally {
    closeSync(descriptor);
  }
}

/** What looks like whole records from that place on. */
function countRecords(descriptor: number, from: number, is_synced: boolean): { packets: number; bytes: number } {
  const scanner = new WholeRecordScanner(is_synced);
  let [packets, bytes] = [0, 0];
  const count = (runs: readonly Uint8Array[]): void => {
    for (const run of runs) {
      const view = new DataView(run.buffer, run.byteOffset, run.length);
      for (let at = 0; at < run.length; packets += 1) {
        const captured = view.getUint32(at + 8, true);
        bytes += captured;
        at += recordHeaderBytes + captured;
      }
    }
  };
  for (const piece of pieces(descriptor, from)) count(scanner.push(piece));
  count(scanner.end());
  return { packets, bytes };
}

function* pieces(descriptor: number, from = 0): Generator<Uint8Array, void, undefined> {
  for (let at = from; ; ) {
    const piece = new Uint8Array(piece_bytes);
    const length = readSync(descriptor, piece, 0, piece_bytes, at);
    if (length === 0) return;
    at += length;
    yield piece.subarray(0, length);
  }
}
