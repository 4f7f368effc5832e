import type { FileHandle } from 'node:fs/promises';

/**
 * Writes all of the bytes at a position. write(2) may take only some of them, as where the disk has room for a part; what keeps
 * it from the rest is then thrown.
 */
export async function writeWhole(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  let written = 0;
  while (written < bytes.length) {
    written += (await file.write(bytes, written, bytes.length - written, position + written)).bytesWritten;
  }
}
