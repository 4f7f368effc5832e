import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { isatty } from 'node:tty';
import { findSetpriv, setprivOptions } from '../libpcap/process_capabilities.ts';
import { FaultError, raise } from '../model/errors/fault.ts';
import { createLogger } from './create_logger.ts';
import { holdDirectory } from './hold_directory.ts';
import { makeDirectory } from './make_directory.ts';
import { readTokenFiles } from './read_token_files.ts';
import { readServeSettings } from './settings.ts';
import { standardOutput } from './standard_output.ts';
import { controlCapabilities, whyPrivileged } from './shed_privileges.ts';
import { type ChildName, supervise } from './supervise.ts';
import { welcome } from './welcome.ts';

/**
 * A signal that comes so soon after the first is the same one: npm and timeout(1) pass on what the whole process group got. Later ones
 * are from somebody who waits.
 */
const again_ms = 2000;

/** Runs edgetap on one machine until it is told to end. `told` has settings by environment name. */
export async function serve(told: Readonly<Record<string, string | undefined>>): Promise<void> {
  const given = readTokenFiles(told);
  const read = readServeSettings(given, hostname().split('.')[0] ?? 'localhost', await alternativeNames(given));
  const settings = { ...read, data_dir: resolve(read.data_dir) };
  makeDataDirectory(settings.data_dir);
  const held = holdDirectory(settings.data_dir, 'serve', 0);
  const logger = createLogger('serve', settings.log_level);
  const ended = Promise.withResolvers<undefined>();
  const { confined, why } = confinement(process.argv.slice(3), process.env);
  if (why !== undefined) logger.info(`control, sensor and compilers keep all privileges: ${why}`);
  const supervisor = supervise(settings, logger, confined);
  const { out } = standardOutput();
  let asked_at: number | undefined;
  const ask = (): void => {
    const now = performance.now();
    asked_at ??= now;
    ended.resolve(undefined);
    if (now - asked_at > again_ms) supervisor.hurry();
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, ask);
  // Without its terminal nobody sees it any more, and elsewhere the signal is the custom for daemons.
  const on_terminal = isatty(1) || isatty(2);
  process.on('SIGHUP', on_terminal ? ask : () => supervisor.reload());
  try {
    const started = await Promise.race([supervisor.started, ended.promise]);
    if (started !== undefined) {
      const troubles = await Promise.race([supervisor.troubles(), ended.promise]);
      out.write(welcome(settings, started.control, started.sensor, troubles ?? []));
    }
    await ended.promise;
    out.write('\nedgetap is ending: running captures are closed and delivered (once more to wait for nothing).\n');
  } catch (error) {
    const token = supervisor.details('control')?.token;
    // It will not be shown again.
    if (token !== undefined) out.write(`Token    ${token}     (shown this once: keep it)\n`);
    throw error;
  } finally {
    await supervisor.shutDown();
    held.release();
  }
}

/** How the children are started with less than this process may do; where they are not, why. */
function confinement(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): { readonly confined?: Readonly<Record<ChildName, readonly string[]>>; readonly why?: string } {
  const why = whyPrivileged(args, env);
  const setpriv = findSetpriv();
  if (why !== undefined) return { why };
  if (setpriv === undefined) return { why: 'setpriv of util-linux is not there' };
  return {
    confined: {
      control: [setpriv, ...setprivOptions(controlCapabilities(args, env))],
      sensor: [setpriv, ...setprivOptions(['net_raw'])],
    },
  };
}

/**
 * Says which names are alternative ones of this host's interfaces. Only what cannot be an interface's own name is asked for, and only then is
 * the native code for it loaded here.
 */
async function alternativeNames(
  given: Readonly<Record<string, string | undefined>>,
): Promise<(name: string) => boolean> {
  if (!/[^\s,]{16}|:|\\/.test(given['EDGETAP_INTERFACES'] ?? '')) return () => false;
  const { alternativeIndex } = await import('../libpcap/alternative_name.ts');
  return (name) => {
    try {
      return alternativeIndex(name) !== undefined;
    } catch (error) {
      if (error instanceof FaultError) return false;
      throw error;
    }
  };
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
