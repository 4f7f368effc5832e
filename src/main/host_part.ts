import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { FileCalls } from '../bucket/file_calls.ts';
import type { HostPart } from '../control/readiness.ts';

const limit_ms = 2000;
const buckets_most = 100;

/**
 * A part that is looked at by calls that may hang, as those of a network file system do. Who asks waits 2 s at most, and there is one
 * such call at a time: each that hangs takes a thread.
 *
 * @param hangs what is wrong where it hangs
 * @param look gives what is wrong; what it throws is wrong, too
 */
export function hostPart(name: string, hangs: () => string, look: () => Promise<string | undefined>): HostPart {
  let looking: Promise<string | undefined> | undefined;
  return {
    name,
    look: async () => {
      looking ??= look()
        .catch((error: unknown) => (error instanceof Error ? error.message : String(error)))
        .finally(() => {
          looking = undefined;
        });
      const late = Promise.withResolvers<string>();
      const timer = setTimeout(() => late.resolve(hangs()), limit_ms);
      try {
        return await Promise.race([looking, late.promise]);
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

/** Is there room on the disk of a directory? With less than `floor_bytes` free, nothing new is taken. */
export function diskPart(directory: string, floor_bytes: number): HostPart {
  const text = (what: string): string => `the disk of ${directory} ${what}: make room, or move EDGETAP_DATA_DIR`;
  return hostPart(
    'disk',
    () => `the disk of ${directory} does not answer`,
    async () => {
      const { bavail, bsize, files, ffree } = await statfs(directory);
      if (bavail * bsize < floor_bytes) {
        return text(`is full, with ${bavail * bsize} bytes left; nothing new is taken with less than ${floor_bytes}`);
      }
      return files > 0 && ffree === 0 ? text('is full, with no inode left') : undefined;
    },
  );
}

/** Can file:// buckets be written? They may be on disks of their own. */
export function bucketsPart(directory: string, calls: FileCalls): HostPart {
  let looked_at = directory;
  const hangs = (): string => `the directory of file:// buckets ${looked_at} does not answer`;
  return hostPart('buckets', hangs, async () => {
    looked_at = directory;
    try {
      await calls.requireWritable(directory);
      for (const name of (await calls.readdir(directory)).slice(0, buckets_most)) {
        looked_at = join(directory, name);
        await calls.stat(looked_at);
      }
      return undefined;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      return `the directory of file:// buckets cannot be used: ${reason}`;
    }
  });
}
