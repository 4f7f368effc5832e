import { statfsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';

const look_ms = 250;

/** How much is free on a disk, looked at again and again. */
export interface DiskRoom {
  /** Bytes that this user may write, as they were seen last. */
  freeBytes(): number;
  close(): void;
}

/** Begins to look at the disk of a directory. What cannot be told leaves what was seen before. */
export function watchDiskRoom(directory: string): DiskRoom {
  const first = statfsSync(directory);
  let free = first.bavail * first.bsize;
  let looking = false;
  const look = async (): Promise<void> => {
    // One call at a time: one that hangs takes a thread.
    if (looking) return;
    looking = true;
    try {
      const { bavail, bsize } = await statfs(directory);
      free = bavail * bsize;
    } catch {
      // It stays as it was seen; /readyz tells what is wrong with the disk.
    } finally {
      looking = false;
    }
  };
  const timer = setInterval(() => void look(), look_ms);
  timer.unref();
  return { freeBytes: () => free, close: () => clearInterval(timer) };
}
