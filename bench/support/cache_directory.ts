import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Where a benchmark keeps what took long to make, for the next run. `version` changes whenever the content does. */
export function cacheDirectory(name: string, version: string): string {
  const directory = join(tmpdir(), `edgetap-bench-${name}-${version}`);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  return directory;
}
