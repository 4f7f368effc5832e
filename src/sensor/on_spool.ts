import { FaultError, raise } from '../model/errors/fault.ts';

/**
 * Does something with a part's files. What the system refuses is thrown as `part_file_lost` where the file is gone, else as the fault that is named; anything else is a defect and thrown on.
 */
export async function onSpool<T>(name: 'spool_read_failed' | 'spool_write_failed', run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (cause) {
    if (cause instanceof FaultError || !(cause instanceof Error)) throw cause;
    const code = 'code' in cause ? cause.code : undefined;
    if (name === 'spool_read_failed' && code === 'ENOENT')
      raise('part_file_lost', { reason: cause.message }, { cause });
    if (!('errno' in cause)) throw cause;
    return raise(name, { reason: cause.message }, { cause });
  }
}
