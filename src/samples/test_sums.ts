import { readFileSync, writeFileSync } from 'node:fs';
import { segment_header_bytes } from './segment_header.ts';
import { segment_mark_bytes } from './segment_mark.ts';

const sum_kind = 6;

/** Makes of a segment's header file what a version wrote that knew no sums. */
export function removeSums(header_path: string): void {
  const bytes = readFileSync(header_path);
  const kept = [bytes.subarray(0, segment_header_bytes)];
  for (let at = segment_header_bytes; at < bytes.length; at += segment_mark_bytes) {
    if (bytes.readUInt16LE(at) !== sum_kind) kept.push(bytes.subarray(at, at + segment_mark_bytes));
  }
  writeFileSync(header_path, Buffer.concat(kept));
}
