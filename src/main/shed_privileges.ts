import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import {
  bitsOf,
  type CapabilityName,
  findSetpriv,
  processCapabilities,
  setprivOptions,
} from '../libpcap/process_capabilities.ts';

type Values = Readonly<Record<string, string | undefined>>;

/** What the supervisor keeps: what it hands down to the sensor, and what it takes to hand down less than it has. */
const handed_down: readonly CapabilityName[] = ['net_raw', 'setpcap'];
/** Settings that name what edgetap reads, or writes where the second says so. */
const paths: readonly (readonly [setting: string, writes: boolean])[] = [
  ['DATA_DIR', true],
  ['FILE_BUCKETS', true],
  ['SECRET_KEY_FILE', false],
  ['TLS_CERT', false],
  ['TLS_KEY', false],
  ['BOOTSTRAP_TOKEN_FILE', false],
  ['TOKEN_FILE', false],
];
const check_limit_ms = 10_000;

/**
 * Makes root's `edgetap serve` a process with the capabilities that it needs, by becoming setpriv(1), which becomes this program again. Does
 * nothing where that has happened, where it is not root's, and where it cannot be; `whyPrivileged` says so then.
 *
 * @param args of the command line, behind the program's name
 */
export function shedPrivileges(args: readonly string[], env: Values): void {
  const names = supervisorCapabilities(args, env);
  if (whyPrivileged(args, env) !== undefined || isShed(names)) return;
  const setpriv = findSetpriv();
  if (setpriv === undefined) return;
  const program = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  process.execve?.(setpriv, [setpriv, ...setprivOptions(names), ...program], { ...process.env });
}

/** Why this process and its children keep the capabilities that they have; undefined where they do not. */
export function whyPrivileged(args: readonly string[], env: Values): string | undefined {
  const names = supervisorCapabilities(args, env);
  if (isShed(names)) return undefined;
  const { permitted } = processCapabilities();
  if (process.getuid?.() !== 0 || (permitted & bitsOf(handed_down)) !== bitsOf(handed_down)) {
    return 'edgetap does not run as root with CAP_NET_RAW and CAP_SETPCAP';
  }
  const setpriv = findSetpriv();
  if (setpriv === undefined) return 'setpriv of util-linux is not there';
  const missing = pathTests(args, env).find((test) => {
    const check = [...setprivOptions([]), 'test', ...test];
    return spawnSync(setpriv, check, { timeout: check_limit_ms, stdio: 'ignore' }).status !== 0;
  });
  return missing === undefined ? undefined : `without them ${missing.at(-1)} cannot be used by root`;
}

/** What the supervisor is to have. */
function supervisorCapabilities(args: readonly string[], env: Values): readonly CapabilityName[] {
  return [...handed_down, ...controlCapabilities(args, env)];
}

/** What control is to have: nothing, unless it listens on a port that not everybody may listen on. */
export function controlCapabilities(args: readonly string[], env: Values): readonly CapabilityName[] {
  const port = Number(/:(\d+)$/.exec(settingOf('LISTEN', args, env) ?? '')?.[1] ?? 8787);
  const first = Number(readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'utf8'));
  return port > 0 && port < first ? ['net_bind_service'] : [];
}

function isShed(names: readonly CapabilityName[]): boolean {
  const { permitted, no_new_privileges } = processCapabilities();
  return no_new_privileges && permitted === bitsOf(names);
}

/** Arguments of test(1), each for a path that has to be read or written without CAP_DAC_OVERRIDE. */
function pathTests(args: readonly string[], env: Values): readonly (readonly string[])[] {
  const named = paths.flatMap(([setting, writes]) => {
    const path = settingOf(setting, args, env) ?? (setting === 'DATA_DIR' ? './data' : undefined);
    return path === undefined ? [] : [[writes ? '-w' : '-r', nearest(resolve(path))]];
  });
  return [['-r', import.meta.filename], ...named];
}

/** The path itself, or what of it is there. */
function nearest(path: string): string {
  return existsSync(path) || dirname(path) === path ? path : nearest(dirname(path));
}

/** A setting before all of them are read: of its flag, or of the environment. */
function settingOf(name: string, args: readonly string[], env: Values): string | undefined {
  const flag = `--${name.toLowerCase().replaceAll('_', '-')}`;
  const at = args.indexOf(flag);
  const joined = args.find((one) => one.startsWith(`${flag}=`))?.slice(flag.length + 1);
  const value = joined ?? (at === -1 ? undefined : args[at + 1]) ?? env[`EDGETAP_${name}`];
  return value === '' ? undefined : value;
}
