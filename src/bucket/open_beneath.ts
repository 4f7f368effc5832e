import { constants } from 'node:fs';
import type { FileCalls, OpenFile } from './file_calls.ts';

/**
 * Opens a directory below a root without ever following a symbolic link below it: each name is opened in the directory that
 * is already open (`/proc/self/fd`, as openat(2) does), so that no change of the tree in between leads elsewhere. The root
 * itself may be a link: it is the operator's. Fails with ENOTDIR or ELOOP at a link, ENOENT when a name is missing.
 * @param create make missing directories (mode 0750) and have them on disk
 */
export async function openBeneath(
  calls: FileCalls,
  root: string,
  segments: readonly string[],
  create: boolean,
): Promise<OpenFile> {
  let at = await calls.open(root, constants.O_RDONLY | constants.O_DIRECTORY);
  for (const segment of segments) {
    if (segment === '' || segment === '.' || segment === '..' || /[/\0]/.test(segment)) {
      await at.close();
      throw Object.assign(new Error(`"${segment}" is no name`), { code: 'EINVAL' });
    }
    try {
      const next = await enter(calls, at, segment, create);
      await at.close();
      at = next;
    } catch (error) {
      await at.close();
      throw error;
    }
  }
  return at;
}

/** The path of a name in an open directory, for as long as that is open. */
export function inside(directory: Pick<OpenFile, 'fd'>, name: string): string {
  return `/proc/self/fd/${directory.fd}/${name}`;
}

async function enter(calls: FileCalls, directory: OpenFile, segment: string, create: boolean): Promise<OpenFile> {
  const flags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
  try {
    return await calls.open(inside(directory, segment), flags);
  } catch (error) {
    if (!create || codeOf(error) !== 'ENOENT') throw error;
  }
  await calls.mkdir(inside(directory, segment), 0o750).catch((error: unknown) => {
    // Another writer was first.
    if (codeOf(error) !== 'EEXIST') throw error;
  });
  await directory.sync();
  return await calls.open(inside(directory, segment), flags);
}

/** The system's error code (`ENOENT`) of anything thrown; the empty string where there is none. */
export function codeOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : '';
}
