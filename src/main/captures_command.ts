import type { Command } from 'commander';
import { stopCaptures } from '../control/captures/stop_captures.ts';
import { raise } from '../model/errors/fault.ts';
import {
  accountFor,
  jsonText,
  onDatabase,
  type OperatorDeps,
  type OperatorOptions,
  withOperatorOptions,
} from './operator_command.ts';

interface StopOptions extends OperatorOptions {
  readonly account?: string;
  readonly token?: string;
  readonly all?: boolean;
}

/** Adds `edgetap captures stop`. */
export function registerCapturesCommands(program: Command, deps: OperatorDeps): void {
  const captures = program.command('captures').description('full captures of all accounts');

  withOperatorOptions(
    captures
      .command('stop')
      .description('stop full captures, whosever they are; what they have captured is delivered')
      .option('--account <id>', 'those of this account')
      .option('--token <id>', 'those that this token, or user, has made')
      .option('--all', 'all of them'),
  ).action(async (options: StopOptions) => {
    const { account, token, all } = options;
    if ([account, token, all].filter((one) => one !== undefined).length !== 1) {
      const expected = 'given, or --token, or --all, and one of them only';
      raise('setting_invalid', { setting: '--account', value: account ?? '', expected });
    }
    const ids = await onDatabase(options, deps, async (db) => {
      const of = {
        ...(account === undefined ? {} : { account_id: await accountFor(db, account) }),
        ...(token === undefined ? {} : { principal_id: token }),
      };
      return await stopCaptures(db, of, deps.random);
    });
    if (options.json) deps.print(jsonText({ stopped: ids }));
    else deps.note(stoppedText(ids));
  });
}

/** Says which captures were stopped. */
export function stoppedText(ids: readonly string[]): string {
  if (ids.length === 0) return 'No full capture was running.\n';
  return `Stopped within seconds: ${ids.length} full captures.\n${ids.map((id) => `${id}\n`).join('')}`;
}
