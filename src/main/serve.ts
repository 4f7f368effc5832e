import { mkdirSync } from 'node:fs';
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { createLogger } from './create_logger.ts';
import { holdDirectory } from './hold_directory.ts';
import { readServeSettings } from './settings.ts';
import { supervise } from './supervise.ts';
import { welcome } from './welcome.ts';

/** Runs edgetap on one machine until it is told to end. `given` has settings by environment name. */
export async function serve(given: Readonly<Record<string, string | undefined>>): Promise<void> {
  const read = readServeSettings(given, hostname().split('.')[0] ?? 'localhost');
  const settings = { ...read, data_dir: resolve(read.data_dir) };
  mkdirSync(settings.data_dir, { recursive: true, mode: 0o700 });
  const held = holdDirectory(settings.data_dir, 'serve', 0);
  const logger = createLogger('serve', settings.log_level);
  const told = Promise.withResolvers<void>();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => told.resolve());
  const { supervised, control, sensor } = await supervise(settings, logger);
  process.stdout.write(welcome(settings, control, sensor));
  await told.promise;
  process.stdout.write('\nedgetap is ending: running captures are closed and delivered.\n');
  await supervised.shutDown();
  held.release();
}
