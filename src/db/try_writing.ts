import { FaultError } from '../model/errors/fault.ts';
import type { Database } from './database.ts';
import { writeSetting } from './settings.ts';

const tried_bytes = 64 << 10;

/**
 * Where a disk was full or could not be written, writes something and takes it away: `trouble` is over when that goes, also while
 * nobody asks for anything that is written. A lock shows its end by itself.
 */
export async function tryWriting(db: Database): Promise<void> {
  if (db.trouble() === undefined || db.trouble()?.name === 'database_locked') return;
  try {
    await db.transaction(async (tx) => await writeSetting(tx, 'room_tried', ' '.repeat(tried_bytes)));
    await db.transaction(async (tx) => {
      await tx.query.deleteFrom('settings').where('key', '=', 'room_tried').execute();
    });
  } catch (error) {
    // It has put the trouble down anew, and is tried again.
    if (!(error instanceof FaultError)) throw error;
  }
}
