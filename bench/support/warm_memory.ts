import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Fills as much memory as the captured files will take, and frees it. Otherwise whoever comes first after a pause pays for
 * memory that a virtual machine's host has taken back.
 */
export async function warmMemory(directory: string, bytes: number): Promise<void> {
  const path = join(directory, 'warm');
  const file = await open(path, 'w');
  const piece = new Uint8Array(16 << 20).fill(1);
  for (let written = 0; written < bytes; written += piece.length) await file.write(piece);
  await file.close();
  await rm(path);
}
