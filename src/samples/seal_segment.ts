import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { segment_header_bytes } from './segment_header.ts';
import {
  encodeSegmentMark,
  encodeSumMark,
  segment_mark_bytes,
  type SegmentMark,
  type SegmentSum,
} from './segment_mark.ts';
import { segmentFiles } from './segment_name.ts';
import { writeWhole } from './write_whole.ts';

/** An open segment whose packets are all written. */
export interface SegmentToSeal {
  readonly directory: string;
  readonly number: number;
  readonly packets: FileHandle;
  readonly header: FileHandle;
}

/**
 * Seals a segment: last marks (the first one before them, where the disk was too full to take it, and `sum`), both files to the disk, the
 * packet file renamed, the directory to the disk. Where the disk fails when it is to make the files safe, that is the segment's very last
 * mark, and false comes back: nothing is synced twice. Whatever else fails before the rename leaves it open, and it can be sealed again. Closes nothing.
 */
export async function sealSegment(
  segment: SegmentToSeal,
  start: SegmentMark,
  last: readonly [SegmentMark, ...SegmentMark[]],
  sum?: SegmentSum,
): Promise<boolean> {
  const { directory, number, packets, header } = segment;
  const files = segmentFiles(number);
  const { size } = await header.stat();
  const marks = Math.max(0, Math.floor((size - segment_header_bytes) / segment_mark_bytes));
  const begin = [
    ...(marks === 0 ? [encodeSegmentMark(start)] : []),
    ...(sum === undefined ? [] : [encodeSumMark(sum)]),
  ];
  const bytes = Buffer.concat([...begin, ...last.map(encodeSegmentMark)]);
  const at = segment_header_bytes + marks * segment_mark_bytes;
  await writeWhole(header, bytes, at);
  const header_safe = await isSafe(() => header.sync());
  const safe = (await isSafe(() => packets.sync())) && header_safe;
  if (!safe)
    await markUnsynced(segment, encodeSegmentMark(unsynced(last.at(-1) ?? last[0])), at + bytes.length, header_safe);
  await rename(join(directory, files.open), join(directory, files.sealed));
  return (await isSafe(() => syncDirectory(directory))) && safe;
}

/**
 * Writes a segment's very last mark. A header that the disk has refused is not synced again, for that may succeed though its pages
 * are gone: all of it goes into a new file, which takes its place.
 */
async function markUnsynced(
  { directory, number, header }: SegmentToSeal,
  mark: Uint8Array,
  at: number,
  header_safe: boolean,
): Promise<void> {
  await writeWhole(header, mark, at);
  if (header_safe) {
    await isSafe(() => header.sync());
    return;
  }
  const files = segmentFiles(number);
  const path = join(directory, files.new_header);
  const content = Buffer.alloc(at + mark.length);
  const { bytesRead } = await header.read(content, 0, content.length, 0);
  const written = await isSafe(async () => {
    const fresh = await open(path, 'w', 0o600);
    try {
      await writeWhole(fresh, content.subarray(0, bytesRead), 0);
      await fresh.sync();
    } finally {
      await fresh.close();
    }
    await rename(path, join(directory, files.header));
  });
  if (!written) await rm(path, { force: true });
}

/** The last mark of a segment that the disk may not have. */
export function unsynced(seal: SegmentMark): SegmentMark {
  return { ...seal, reason: 'unsynced' };
}

/** Puts something on the disk; false where the disk does not take it, whatever it says: also that it has no room is told once only. */
async function isSafe(sync: () => Promise<void>): Promise<boolean> {
  try {
    await sync();
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error) return false;
    throw error;
  }
}

/** Makes sure that the names in a directory are on the disk. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
