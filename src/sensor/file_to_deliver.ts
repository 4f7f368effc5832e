import { stat } from 'node:fs/promises';
import type { Spool } from '../capture/spool.ts';
import { type PartPaths, sortedName } from './part_shelf.ts';
import type { PartState } from './part_state.ts';
import { sumsOf, sumUp } from './part_sums.ts';
import type { DamagedFile } from './salvage_part.ts';

/** The complete file of a part that is to be delivered, and what it was when it was written. */
export interface FileToDeliver extends DamagedFile {
  readonly file_bytes: number;
}

/** Finds it: the part's own file, or what was made of that. Throws as the system does where it cannot be read. */
export async function fileToDeliver(spool: Spool, paths: PartPaths, state: PartState): Promise<FileToDeliver> {
  const { assignment, file, sorted, file_bytes, checksum, packets = 0n, bytes = 0n } = state;
  const { capture_id, piece_bytes } = assignment;
  const name = file ?? (sorted === true ? sortedName : undefined);
  const path = name === undefined ? spool.path(capture_id, state.interface) : paths.copy(name);
  if (state.damaged === true && name === undefined) {
    const size = (await stat(path)).size;
    // No CRC-32 is that: whatever is read of it is wrong.
    const whole = { end_bytes: size, packets: 0, bytes: 0, checksum: -1, whole: true };
    return { path, piece_bytes, file_bytes: size, header: new Uint8Array(0), points: [whole], unsummed: true };
  }
  if (file_bytes !== undefined && checksum !== undefined) {
    const counts = { packets: Number(packets), bytes: Number(bytes) };
    return { path, file_bytes, ...(await sumsOf({ path, piece_bytes, file_bytes, checksum, ...counts })) };
  }
  // A state that was written before sums were, or by a process that died right after its file was complete.
  const known = file_bytes ?? (await stat(path)).size;
  const { header, points } = await sumUp(path, piece_bytes, known);
  return { path, piece_bytes, file_bytes: known, header, points };
}
