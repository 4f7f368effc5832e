import { open } from 'node:fs/promises';

/** By path: the sync that goes on, and the one that begins after it. */
const going = new Map<string, Promise<void>>();
const next = new Map<string, Promise<void>>();

/**
 * Resolves when all names that are in a directory now would survive a power cut. Callers who come while one sync goes on share the next one:
 * it begins after each of them asked. Throws as fsync(2) does. `sync` is the one sync.
 */
export async function syncDirectory(path: string, sync: (path: string) => Promise<void> = syncOnce): Promise<void> {
  const shared = next.get(path) ?? afterTheOneThatGoesOn(path, sync);
  next.set(path, shared);
  await shared;
}

async function afterTheOneThatGoesOn(path: string, sync: (path: string) => Promise<void>): Promise<void> {
  // Whoever asked for that one hears of its failure.
  await going.get(path)?.catch(() => undefined);
  next.delete(path);
  const begun = sync(path);
  going.set(path, begun);
  try {
    await begun;
  } finally {
    if (going.get(path) === begun) going.delete(path);
  }
}

async function syncOnce(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
