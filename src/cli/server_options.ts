import { type Command, Option } from 'commander';
import { type ApiClient, createApiClient } from '../client/api_client.ts';
import { raise } from '../model/errors/fault.ts';
import type { CliIo } from './cli_io.ts';
import { exitCodesHelp } from './exit_code.ts';
import { type CliConfig, configPath, readConfig } from './read_config.ts';

/** The options of every command that talks to a server. */
export interface ServerOptions {
  readonly url?: string;
  readonly account?: string;
  readonly json?: boolean;
}

/** Adds them, and what every help text ends with. */
export function withServerOptions(command: Command): Command {
  return command
    .addOption(new Option('--url <url>', 'where edgetap is; EDGETAP_URL by default'))
    .addOption(new Option('--account <id>', 'the account; EDGETAP_ACCOUNT_ID, or the one of the token, by default'))
    .addOption(new Option('--json', 'write the result as JSON'))
    .addHelpText('after', exitCodesHelp);
}

/**
 * The client that the options, the environment and the configuration file call for.
 *
 * @throws {FaultError} `url_missing`, `config_unreadable`, `setting_invalid`
 */
export function clientFor(
  options: ServerOptions,
  io: CliIo,
): { readonly client: ApiClient; readonly config: CliConfig } {
  const config = readConfig(io);
  const url = options.url ?? config.url;
  const { token } = config;
  const account_id = options.account ?? config.account_id;
  if (url === undefined || token === undefined) return raise('url_missing', { path: configPath(io) });
  const client = createApiClient({ url, token, ...(account_id === undefined ? {} : { account_id }) }, io);
  return { client, config };
}
