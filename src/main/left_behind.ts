import { readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Where a data directory has what only the database knows the captures of, and is nowhere else. */
const places = ['sensor/spool', 'staging', 'results'];

/** The first of these directories that has a file in it; undefined in a data directory that was never used. */
export function leftBehind(data_dir: string): string | undefined {
  return places.map((place) => join(data_dir, place)).find(hasFiles);
}

function hasFiles(directory: string): boolean {
  try {
    return readdirSync(directory, { recursive: true, withFileTypes: true }).some((entry) => entry.isFile());
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false;
    throw error;
  }
}
