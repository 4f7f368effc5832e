import { FaultError, raise } from '../model/errors/fault.ts';

/** There is no such file, or something else has its name: that stays so, however often it is tried. */
const gone: ReadonlySet<unknown> = new Set(['ENOENT', 'EISDIR', 'ENOTDIR', 'ELOOP']);

/**
 * Does something with a part's files. What the system refuses is thrown as `part_file_lost` where the file is gone, else as the fault that is named;
 * anything else is a defect and thrown on. `path`: what is read, where the system does not say it.
 */
export async function onSpool<T>(
  name: 'spool_read_failed' | 'spool_write_failed',
  run: () => Promise<T>,
  path?: string,
): Promise<T> {
  try {
    return await run();
  } catch (cause) {
    if (cause instanceof FaultError || !(cause instanceof Error)) throw cause;
    const code = 'code' in cause ? cause.code : undefined;
    const { message } = cause;
    const reason = path === undefined || message.includes(path) ? message : `${path}: ${message}`;
    if (name === 'spool_read_failed' && gone.has(code)) raise('part_file_lost', { reason }, { cause });
    if (!('errno' in cause)) throw cause;
    return raise(name, { reason }, { cause });
  }
}
