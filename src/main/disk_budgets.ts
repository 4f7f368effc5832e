import { lstat, mkdir, readdir, stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { defaultByteBudget } from '../samples/default_byte_budget.ts';

/** What the operator leaves to edgetap. */
export interface DiskBudgets {
  readonly spool_bytes: number;
  readonly sample_bytes: number;
}

/**
 * The budgets of the spool and of the samples where the settings name none: shares of their disks as these would be without either, so
 * that what they hold already takes nothing from them at the next start.
 */
export async function diskBudgets(spool: string, samples: string): Promise<DiskBudgets> {
  const own = [...(await placesOf(spool)), ...(await placesOf(samples))];
  const without = async (wanted: string): Promise<number> => {
    // What cannot be used now will be beside where it is, as far as one can know.
    const directory = own.some((place) => place.directory === wanted) ? wanted : dirname(wanted);
    const { bavail, bsize } = await statfs(directory);
    const { dev } = await stat(directory);
    return own.reduce((sum, place) => sum + (place.dev === dev ? place.bytes : 0), bavail * bsize);
  };
  return {
    spool_bytes: Math.floor((await without(spool)) / 2),
    sample_bytes: defaultByteBudget(await without(samples)),
  };
}

/** A directory with what it holds; none where it is not there and cannot be made: who uses it tells that. */
async function placesOf(
  directory: string,
): Promise<readonly { readonly directory: string; readonly dev: number; readonly bytes: number }[]> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    return [{ directory, dev: (await stat(directory)).dev, bytes: await heldIn(directory) }];
  } catch {
    return [];
  }
}

/** What the files below a directory take of its disk. What goes away or cannot be read meanwhile counts as nothing. */
async function heldIn(directory: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(directory, { withFileTypes: true }).catch(() => [])) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) bytes += await heldIn(path);
    else
      bytes += await lstat(path).then(
        ({ blocks }) => blocks * 512,
        () => 0,
      );
  }
  return bytes;
}
