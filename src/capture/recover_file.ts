import { closeSync, fsyncSync, ftruncateSync, fstatSync, openSync, readSync } from 'node:fs';
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
}

/** Cuts a part's file after its last whole record, unless it is to be left as it is, and tells what is whole of it. */
export function recoverFile(path: string, options: { readonly leave?: boolean } = {}): RecoveredFile {
  const descriptor = openSync(path, 'r+');
  try {
    const { size } = fstatSync(descriptor);
    const whole = lastWholeRecord(pieces(descriptor));
    if (whole.whole_bytes < size && options.leave !== true) {
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

function* pieces(descriptor: number): Generator<Uint8Array, void, undefined> {
  for (;;) {
    const piece = new Uint8Array(piece_bytes);
    const length = readSync(descriptor, piece);
    if (length === 0) return;
    yield piece.subarray(0, length);
  }
}
