import { mkdir, open, readdir, readFile, rename, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { syncDirectory } from '../capture/sync_directory.ts';
import { isId } from '../model/id.ts';
import { onSpool } from './on_spool.ts';
import { type PartState, partKey } from './part_state.ts';
import { readStateText, stateText } from './state_text.ts';

/** What a sensor keeps beside a part's file in the spool. */
export interface PartPaths {
  readonly directory: string;
  readonly state: string;
  /** The journal of one try of the upload. */
  journal(attempt: number): string;
  /** What the journals' paths begin with. */
  readonly upload_stem: string;
  /** A file that was made of the part's. */
  copy(name: string): string;
}

/** What a part is called that was put in order of time. */
export const sortedName = 'sorted';

/** What is left of a part whose file was damaged, by the try of its upload. */
export function mendedName(attempt: number): string {
  return `mended-${attempt}`;
}

/** The names beside `<spool>/<capture id>/<interface>.pcap`. */
export function partPaths(spool: string, captureId: string, interfaceName: string): PartPaths {
  const directory = join(spool, captureId);
  const beside = (ending: string): string => join(directory, `${interfaceName}.${ending}`);
  return {
    directory,
    state: beside(stateEnding),
    copy: beside,
    journal: (attempt) => beside(`upload-${attempt}`),
    upload_stem: beside('upload-'),
  };
}

const stateEnding = 'state.json';

/**
 * Writes a part's state so that it is there, whole, after any crash: a new file, synced, renamed over the old one. Throws
 * `spool_write_failed`.
 */
export async function writeState(paths: PartPaths, state: PartState): Promise<void> {
  await onSpool('spool_write_failed', async () => {
    await mkdir(paths.directory, { recursive: true, mode: 0o700 });
    const fresh = `${paths.state}.new`;
    // A new file each time: one that the disk has refused something of is not asked again.
    await rm(fresh, { force: true });
    const file = await open(fresh, 'wx', 0o600);
    try {
      await file.writeFile(stateText(state));
      await file.sync();
    } catch (error) {
      await file.close().catch(() => undefined);
      throw error;
    }
    await file.close();
    await rename(fresh, paths.state);
    await syncDirectory(paths.directory);
  });
}

/** What a name beside a part's is, without the interface's: a copy of the part, or the sums of one. */
const copies = /^(pcap\.sums|(sorted|mended-\d+)(\..+)?)$/;

/** Removes the files that were made of a part, and all sums. */
export async function removeCopies(paths: PartPaths): Promise<void> {
  const { directory } = paths;
  for (const path of await filesIn(directory)) {
    if (isCopy(paths, path)) await rm(path, { force: true });
  }
}

/** Removes what a process that died has left of the file that is put in order. */
export async function removeSorted(paths: PartPaths): Promise<void> {
  const stem = paths.copy(sortedName);
  for (const path of await filesIn(paths.directory)) {
    if (path === stem || path.startsWith(`${stem}.`)) await rm(path, { force: true });
  }
}

function isCopy(paths: PartPaths, path: string): boolean {
  const stem = paths.copy('');
  return path.startsWith(stem) && copies.test(path.slice(stem.length));
}

async function filesIn(directory: string): Promise<readonly string[]> {
  const names = await readdir(directory).catch((error: NodeJS.ErrnoException): string[] => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  return names.map((name) => join(directory, name));
}

/** Removes what is kept beside a part, and the capture's directory where nothing else is in it. */
export async function removeBeside(paths: PartPaths): Promise<void> {
  const files = await filesIn(paths.directory);
  // The state goes last: a crash before it leaves a part that is known, and forgotten again.
  const own = files.filter((path) => path.startsWith(paths.upload_stem) || isCopy(paths, path));
  for (const path of [...own, `${paths.state}.new`, paths.state]) await rm(path, { force: true });
  await removeIfEmpty(paths.directory);
}

/** Removes what was being written, and the directory where it was the first thing in it. */
async function removeUnfinished(directory: string, name: string): Promise<void> {
  await rm(join(directory, name), { force: true });
  await removeIfEmpty(directory);
}

async function removeIfEmpty(directory: string): Promise<void> {
  await rmdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOTEMPTY' && error.code !== 'ENOENT') throw error;
  });
}

/** A part's state that cannot be used: kept for a person to look at, and told. */
export interface UnreadablePart {
  readonly key: string;
  /** Where the file of it is now. */
  readonly path: string;
  readonly reason: string;
}

/** What a file is called that was set aside; its name ends so. */
const asideEnding = '.set-aside';

/**
 * Every part that the spool holds, by key. To be called before anything is written: a state that a crash kept from its name is removed, and
 * one that is not what was written gets another name.
 */
export async function readStates(
  spool: string,
): Promise<{ readonly states: ReadonlyMap<string, PartState>; readonly unreadable: readonly UnreadablePart[] }> {
  const states = new Map<string, PartState>();
  const unreadable: UnreadablePart[] = [];
  await mkdir(spool, { recursive: true, mode: 0o700 });
  for (const capture of await readdir(spool, { withFileTypes: true })) {
    if (!capture.isDirectory() || !isId(capture.name)) continue;
    const directory = join(spool, capture.name);
    // What the disk does not list has no states: the spool tells of it.
    const files = await readdir(directory, { withFileTypes: true }).catch(() => []);
    for (const { name } of files.filter((file) => file.isFile() && file.name.endsWith(`.${stateEnding}.new`)))
      await removeUnfinished(directory, name);
    for (const file of files.filter(({ name }) => name.endsWith(`.${stateEnding}`))) {
      const key = partKey(capture.name, file.name.slice(0, -stateEnding.length - 1));
      const found = file.isFile() ? await readState(join(directory, file.name), key) : { reason: 'it is not a file' };
      if ('phase' in found) states.set(key, found);
      else unreadable.push({ key, path: join(directory, file.name), ...found });
    }
    for (const { name } of files) {
      if (!name.endsWith(`.${stateEnding}${asideEnding}`)) continue;
      const key = partKey(capture.name, name.slice(0, -stateEnding.length - asideEnding.length - 1));
      if (states.has(key) || unreadable.some((one) => one.key === key)) continue;
      unreadable.push({ key, path: join(directory, name), reason: 'it was set aside at an earlier start' });
    }
  }
  return { states, unreadable };
}

/** A part's state, or why there is none; then where the file is now. */
async function readState(
  path: string,
  key: string,
): Promise<PartState | { readonly path?: string; readonly reason: string }> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    // The disk may come right.
    return { reason: textOf(error) };
  }
  try {
    return readStateText(bytes, key);
  } catch (error) {
    const aside = `${path}${asideEnding}`;
    const moved = await rename(path, aside).then(
      () => true,
      () => false,
    );
    return { ...(moved ? { path: aside } : {}), reason: textOf(error) };
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
