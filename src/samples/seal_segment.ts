import { type FileHandle, open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { segment_header_bytes } from './segment_header.ts';
import { encodeSegmentMark, segment_mark_bytes, type SegmentMark } from './segment_mark.ts';
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
 * Seals a segment: last marks (the first one before them, where the disk was too full to take it), both files to the disk, the
 * packet file renamed, the directory to the disk. Where the disk fails (EIO) when it is to make the files safe, that is the segment's very last
 * mark, and false comes back; whatever else fails before the rename leaves it open, and it can be sealed again. Closes nothing.
 */
export async function sealSegment(
  segment: SegmentToSeal,
  start: SegmentMark,
  last: readonly [SegmentMark, ...SegmentMark[]],
): Promise<boolean> {
  const { directory, number, packets, header } = segment;
  const files = segmentFiles(number);
  const { size } = await header.stat();
  const marks = Math.max(0, Math.floor((size - segment_header_bytes) / segment_mark_bytes));
  const bytes = Buffer.concat([...(marks === 0 ? [start] : []), ...last].map(encodeSegmentMark));
  const at = segment_header_bytes + marks * segment_mark_bytes;
  await writeWhole(header, bytes, at);
  const safe = await isSafe(async () => {
    await header.sync();
    await packets.sync();
  });
  if (!safe) {
    await writeWhole(header, encodeSegmentMark(unsynced(last.at(-1) ?? last[0])), at + bytes.length);
    // A second fsync may say that all is well though the pages are gone: its answer is not asked for.
    await isSafe(() => header.sync());
  }
  await rename(join(directory, files.open), join(directory, files.sealed));
  return (await isSafe(() => syncDirectory(directory))) && safe;
}

/** The last mark of a segment that the disk may not have. */
export function unsynced(seal: SegmentMark): SegmentMark {
  return { ...seal, reason: 'unsynced' };
}

/** Puts something on the disk; false where the disk itself fails. */
async function isSafe(sync: () => Promise<void>): Promise<boolean> {
  try {
    await sync();
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EIO') return false;
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
