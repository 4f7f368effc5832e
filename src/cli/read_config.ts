import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { raise } from '../model/errors/fault.ts';
import { isId } from '../model/id.ts';
import type { CliIo } from './cli_io.ts';

/** What the configuration file can say. */
const names = ['url', 'token', 'account_id', 'colo', 'bucket'] as const;

/** Where edgetap is and what to use there by default. */
export type CliConfig = { readonly [Name in (typeof names)[number]]?: string };

/** The configuration file: `edgetap/config.json` in XDG_CONFIG_HOME, or in `~/.config`. */
export function configPath({ env, home }: Pick<CliIo, 'env' | 'home'>): string {
  const base = env['XDG_CONFIG_HOME'];
  return join(base === undefined || base === '' ? join(home, '.config') : base, 'edgetap', 'config.json');
}

/**
 * Reads the configuration: the file, and over it EDGETAP_URL, EDGETAP_TOKEN (or the first line of the file EDGETAP_TOKEN_FILE) and
 * EDGETAP_ACCOUNT_ID. A file that is not there is empty.
 *
 * @throws {FaultError} `config_unreadable`, `setting_invalid`
 */
export function readConfig(io: Pick<CliIo, 'env' | 'home'>): CliConfig {
  const config: { [Name in (typeof names)[number]]?: string } = { ...readFile(configPath(io)) };
  for (const name of ['url', 'token', 'account_id'] as const) {
    const value = io.env[`EDGETAP_${name.toUpperCase()}`];
    if (value !== undefined && value !== '') config[name] = value;
  }
  const token_file = io.env['EDGETAP_TOKEN_FILE'] ?? '';
  if (token_file !== '' && (io.env['EDGETAP_TOKEN'] ?? '') === '') config.token = readToken(token_file);
  if (config.account_id !== undefined && !isId(config.account_id)) {
    const expected = '32 lower-case hexadecimal characters';
    raise('setting_invalid', { setting: 'EDGETAP_ACCOUNT_ID', value: config.account_id, expected });
  }
  return config;
}

/** The first line of a file. */
function readToken(path: string): string {
  try {
    const [line = ''] = readFileSync(path, 'utf8').split(/\r?\n/, 1);
    return line;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const expected = `a file that can be read (${reason})`;
    return raise('setting_invalid', { setting: 'EDGETAP_TOKEN_FILE', value: path, expected }, { cause });
  }
}

function readFile(path: string): CliConfig {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && (cause.code === 'ENOENT' || cause.code === 'ENOTDIR')) return {};
    return raise(
      'config_unreadable',
      { path, reason: cause instanceof Error ? cause.message : String(cause) },
      { cause },
    );
  }
  const unreadable = (reason: string): never => raise('config_unreadable', { path, reason });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return unreadable('it is not JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return unreadable('it is not a JSON object');
  const config: { [Name in (typeof names)[number]]?: string } = {};
  for (const [key, one] of Object.entries(value as Record<string, unknown>)) {
    const name = names.find((known) => known === key);
    if (name === undefined) unreadable(`it has the field "${key}"; the known ones are ${names.join(', ')}`);
    else if (typeof one === 'string' && one !== '') config[name] = one;
    else unreadable(`its field "${key}" is not a text`);
  }
  return config;
}
