import { mkdir, open, readdir, readFile, rename, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fromJsonText, toJsonText } from '../model/json_text.ts';
import { onSpool } from './on_spool.ts';
import { type PartState, partKey } from './part_state.ts';

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
      await file.writeFile(toJsonText(state));
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

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
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

/** A part's state that cannot be read: kept for a person to look at, and told. */
export interface UnreadablePart {
  readonly key: string;
  readonly path: string;
  readonly cause: unknown;
}

const phases: ReadonlySet<unknown> = new Set<PartState['phase']>([
  'arming',
  'armed',
  'ended',
  'delivered',
  'failed',
  'excluded',
]);

/** Whole as it was written, or the disk gave something else: what makes a part what it is must be there. */
function isStateOf(state: Partial<PartState>, key: string): state is PartState {
  const { assignment, interface: name, phase, attempt } = state;
  if (assignment === undefined || name === undefined) return false;
  return partKey(assignment.capture_id, name) === key && phases.has(phase) && Number.isInteger(attempt);
}

/** Every part that the spool holds, by key. To be called before anything is written: a state that a crash kept from its name is removed. */
export async function readStates(
  spool: string,
): Promise<{ readonly states: ReadonlyMap<string, PartState>; readonly unreadable: readonly UnreadablePart[] }> {
  const states = new Map<string, PartState>();
  const unreadable: UnreadablePart[] = [];
  await mkdir(spool, { recursive: true, mode: 0o700 });
  for (const capture of await readdir(spool, { withFileTypes: true })) {
    if (!capture.isDirectory() || !/^[0-9a-f]{32}$/.test(capture.name)) continue;
    const directory = join(spool, capture.name);
    for (const file of await readdir(directory)) {
      if (file.endsWith(`.${stateEnding}.new`)) await removeUnfinished(directory, file);
      if (!file.endsWith(`.${stateEnding}`)) continue;
      const path = join(directory, file);
      const key = partKey(capture.name, file.slice(0, -stateEnding.length - 1));
      try {
        const state = fromJsonText(await readFile(path, 'utf8')) as Partial<PartState> | null;
        if (state?.layout !== 1) throw new Error(`its layout is ${String(state?.layout)}`);
        if (!isStateOf(state, key)) throw new Error('it is not the state of this part');
        states.set(key, state);
      } catch (cause) {
        unreadable.push({ key, path, cause });
      }
    }
  }
  return { states, unreadable };
}
