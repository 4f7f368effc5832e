import { readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import type { HostPart } from '../control/readiness.ts';
import { fault } from '../model/errors/fault.ts';
import type { LimitValues } from '../model/shared_limits.ts';
import { hostPart } from './host_part.ts';

/** For all that is no connection of a client: database, sensors, buckets, conversions, the compiler. */
const own_work = 192;
/** A download has its connection, and a file or a connection to a bucket. */
const of_download = 1;
/** Of the open files that there can be: above it, something is about to fail. */
const full_share = 0.9;

/** How many open files the system lets this process have. */
export function openFilesMax(): number {
  const [, soft] = /^Max open files\s+(\d+|unlimited)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
  return soft === undefined || soft === 'unlimited' ? Number.MAX_SAFE_INTEGER : Number(soft);
}

/**
 * How many connections of clients there can be so that edgetap's own work always has open files left; half of what the system allows where
 * that is less than all this.
 */
export function connectionsMax(values: Pick<LimitValues, 'connections' | 'downloads'>, open_files: number): number {
  const reserved = Math.min(own_work + values.downloads * of_download, Math.floor(open_files / 2));
  return Math.max(1, Math.min(values.connections, open_files - reserved));
}

/** Are there open files left? */
export function descriptorsPart(): HostPart {
  let limit = openFilesMax();
  const said = (used: string): string => fault('descriptors_short', { limit, used }).message;
  return hostPart(
    'descriptors',
    () => 'the open files of this process cannot be counted',
    async () => {
      try {
        // An operator may have changed it meanwhile.
        limit = openFilesMax();
        const { length } = await readdir('/proc/self/fd');
        return length < full_share * limit ? undefined : said(`${length} of them are open`);
      } catch (error) {
        if (error instanceof Error && 'code' in error && error.code === 'EMFILE') return said('all of them are open');
        throw error;
      }
    },
  );
}
