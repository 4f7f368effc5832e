import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { raise } from '../model/errors/fault.ts';
import { createLogger } from './create_logger.ts';
import { holdDirectory } from './hold_directory.ts';
import { makeDirectory } from './make_directory.ts';
import { readServeSettings } from './settings.ts';
import { supervise } from './supervise.ts';
import { welcome } from './welcome.ts';

/** Runs edgetap on one machine until it is told to end. `given` has settings by environment name. */
export async function serve(given: Readonly<Record<string, string | undefined>>): Promise<void> {
  const read = readServeSettings(given, hostname().split('.')[0] ?? 'localhost');
  const settings = { ...read, data_dir: resolve(read.data_dir) };
  makeDataDirectory(settings.data_dir);
  const held = holdDirectory(settings.data_dir, 'serve', 0);
  const logger = createLogger('serve', settings.log_level);
  const told = Promise.withResolvers<undefined>();
  const supervisor = supervise(settings, logger);
  let asked = 0;
  const ask = (): void => {
    asked += 1;
    told.resolve(undefined);
    if (asked > 1) supervisor.hurry();
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, ask);
  try {
    const started = await Promise.race([supervisor.started, told.promise]);
    if (started !== undefined) process.stdout.write(welcome(settings, started.control, started.sensor));
    await told.promise;
    process.stdout.write(
      '\nedgetap is ending: running captures are closed and delivered (once more to wait for nothing).\n',
    );
  } catch (error) {
    const token = supervisor.details('control')?.token;
    // It will not be shown again.
    if (token !== undefined) process.stdout.write(`Token    ${token}     (shown this once: keep it)\n`);
    throw error;
  } finally {
    await supervisor.shutDown();
    held.release();
  }
}

function makeDataDirectory(directory: string): void {
  try {
    makeDirectory(directory);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    raise(
      'setting_invalid',
      { setting: 'EDGETAP_DATA_DIR', value: directory, expected: `a directory that can be made (${reason})` },
      { cause },
    );
  }
}
