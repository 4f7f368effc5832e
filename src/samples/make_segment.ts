import { type FileHandle, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { limits } from '../model/limits.ts';
import type { SampleClock } from './clock.ts';
import { index_version } from './index/index_layout.ts';
import { packetFileHeader } from './recover_segment.ts';
import { syncDirectory } from './seal_segment.ts';
import { encodeSegmentHeader } from './segment_header.ts';
import { segmentFiles } from './segment_name.ts';
import type { Stream } from './stream.ts';
import { writeWhole } from './write_whole.ts';

/** The open files of a segment that has no packets yet. */
export interface NewSegment {
  readonly number: number;
  readonly packets: FileHandle;
  readonly header: FileHandle;
}

/** Makes the files of a stream's next segment, on the disk with their names before it returns. Whatever fails leaves nothing. */
export async function makeSegment(
  stream: Stream,
  rate: number,
  { clock, boot }: { readonly clock: SampleClock; readonly boot: Uint8Array },
): Promise<NewSegment> {
  const number = stream.next_number++;
  const files = segmentFiles(number);
  const opened: FileHandle[] = [];
  const create = async (name: string, bytes: Uint8Array): Promise<FileHandle> => {
    const file = await open(join(stream.directory, name), 'wx+', 0o600);
    opened.push(file);
    await writeWhole(file, bytes, 0);
    await file.sync();
    return file;
  };
  try {
    const fixed = encodeSegmentHeader({
      interface: stream.interface,
      linktype: stream.linktype,
      snaplen_bytes: limits.sample_snaplen_bytes,
      rate,
      number,
      made: clock.now(),
      made_monotonic: clock.monotonic(),
      boot,
      index_version,
    });
    const header = await create(files.header, fixed);
    const packets = await create(files.open, packetFileHeader(stream.linktype));
    await syncDirectory(stream.directory);
    return { number, packets, header };
  } catch (error) {
    for (const file of opened) await file.close();
    await removeSegment(stream.directory, number);
    throw error;
  }
}

/** Removes whatever there is of a segment, the packets first. */
export async function removeSegment(directory: string, number: number): Promise<void> {
  const { open: hidden, sealed, index, new_index, header } = segmentFiles(number);
  for (const name of [hidden, sealed, index, new_index, header]) {
    await unlink(join(directory, name)).catch((error: unknown) => {
      // Nor is it there where something else has taken the place of its directory.
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error;
    });
  }
}
