import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { knownCaptures } from '../../db/captures.ts';
import type { Database } from '../../db/database.ts';
import { type Fault, fault } from '../../model/errors/fault.ts';

const batch = 500;

/**
 * The complete files in directories of edgetap's own, staging and results, that are of no capture that the database knows: it is an older
 * one than they are, or they are somebody else's. They are left alone. A directory that cannot be read has none.
 */
export async function unclaimedFiles(db: Database, directories: readonly string[]): Promise<readonly Fault[]> {
  const unclaimed: Fault[] = [];
  for (const directory of directories) {
    const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
    // What is not complete is hidden.
    const names = entries.filter((one) => one.isFile() && !one.name.startsWith('.')).map(({ name }) => name);
    names.sort();
    for (let at = 0; at < names.length; at += batch) {
      const some = names.slice(at, at + batch);
      const known = await knownCaptures(
        db,
        some.flatMap((name) => captureIn(name) ?? []),
      );
      for (const name of some) {
        if (!known.has(captureIn(name) ?? '')) unclaimed.push(fault('file_unclaimed', { path: join(directory, name) }));
      }
    }
  }
  return unclaimed;
}

/** The capture that a staged part, its past or a result is named after. */
function captureIn(name: string): string | undefined {
  return /^(?:pcap_)?([0-9a-f]{32})[-.]/.exec(name)?.[1];
}
