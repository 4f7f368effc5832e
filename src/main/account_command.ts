import type { Command } from 'commander';
import { runningCaptures } from '../control/captures/stop_captures.ts';
import { createAccount, grantScope } from '../control/accounts/manage_accounts.ts';
import { readNetworks, readSensors } from '../control/accounts/read_scope.ts';
import { type AccountRecord, listAccounts } from '../db/accounts.ts';
import type { Database } from '../db/database.ts';
import { listSensors } from '../db/sensors.ts';
import { fault, raise } from '../model/errors/fault.ts';
import type { Scope } from '../model/scope.ts';
import {
  jsonText,
  onDatabase,
  type OperatorDeps,
  type OperatorOptions,
  timeText,
  withOperatorOptions,
} from './operator_command.ts';
import { textTable } from '../cli/text_table.ts';

interface ScopeOptions extends OperatorOptions {
  readonly sensors?: string;
  readonly networks?: string;
}

/** Adds `edgetap account create|list|grant`. */
export function registerAccountCommands(program: Command, deps: OperatorDeps): void {
  const account = program.command('account').description('accounts, and what they may see');

  withScopeOptions(account.command('create <name>').description('make an account; it sees what it is granted'))
    .addHelpText('after', scopeHelp)
    .action(async (name: string, options: ScopeOptions) => {
      const made = await onDatabase(options, deps, async (db) => {
        const account = await createAccount(db, { name, scope: scopeOf(options) }, deps.random);
        await noteUnseen(db, account.scope, deps);
        return account;
      });
      deps.print(options.json ? jsonText(made) : `${made.id}\n`);
      if (!options.json) deps.note(noteOf(made));
    });

  withOperatorOptions(account.command('list').description('list the accounts')).action(
    async (options: OperatorOptions) => {
      const accounts = await onDatabase(options, deps, listAccounts);
      if (options.json) return deps.print(jsonText(accounts));
      const rows = accounts.map((one) => [
        one.id,
        one.name,
        timeText(one.created),
        listText(one.scope.sensors),
        listText(one.scope.networks),
      ]);
      deps.print(textTable(['ID', 'NAME', 'CREATED', 'SENSORS', 'NETWORKS'], rows));
    },
  );

  withScopeOptions(account.command('grant <id>').description('change what an account may see'))
    .addHelpText('after', scopeHelp)
    .action(async (id: string, options: ScopeOptions) => {
      const change = scopeOf(options);
      if (Object.keys(change).length === 0) {
        raise('setting_invalid', { setting: '--sensors', value: '', expected: 'given, or --networks, or both' });
      }
      const granted = await onDatabase(options, deps, async (db) => {
        const account = await grantScope(db, id, change, deps.random);
        await noteUnseen(db, change, deps);
        return { account, running: await underAnother(db, account) };
      });
      const { account: now, running } = granted;
      const going_on = running.length === 0 ? {} : { running_under_another_scope: running };
      if (options.json) return deps.print(jsonText({ ...now, ...going_on }));
      deps.note(noteOf(now));
      if (running.length > 0) {
        deps.note(
          `These captures go on with the scope that they were made with (edgetap captures stop): ${running.join(' ')}\n`,
        );
      }
    });
}

const scopeHelp = `
An account sees a packet when a sensor in --sensors took it and its source or destination is in --networks.
What is given replaces what was there; what is left out stays. Captures that exist keep what they were made with.`;

function withScopeOptions(command: Command): Command {
  return withOperatorOptions(
    command
      .option('--sensors <list>', '"all", "none" or names of sensors, separated by commas')
      .option('--networks <list>', '"all", "none" or addresses and networks such as 10.0.0.0/8, separated by commas'),
  );
}

function scopeOf({ sensors, networks }: ScopeOptions): Partial<Scope> {
  return {
    ...(sensors === undefined ? {} : { sensors: readSensors(sensors) }),
    ...(networks === undefined ? {} : { networks: readNetworks(networks) }),
  };
}

/** The ids of an account's captures that run with another scope than it has now. */
async function underAnother(db: Database, { id, scope }: AccountRecord): Promise<readonly string[]> {
  const text = (one: Scope): string => JSON.stringify([one.sensors, one.networks]);
  const running = await runningCaptures(db, { account_id: id });
  return running.filter((record) => text(record.scope) !== text(scope)).map((record) => record.id);
}

/** Names the sensors of a scope that have never been seen: they may come, and they may be misspelt. */
async function noteUnseen(db: Database, { sensors }: Partial<Scope>, deps: OperatorDeps): Promise<void> {
  if (sensors === undefined || sensors === 'all') return;
  const seen = (await listSensors(db)).map(({ name }) => name);
  const known = seen.length === 0 ? 'none is known yet' : `known: ${seen.join(', ')}`;
  for (const sensor of sensors.filter((name) => !seen.includes(name))) {
    deps.note(`edgetap: ${fault('sensor_unseen', { sensor, known }).message}\n`);
  }
}

function noteOf({ id, name, scope }: AccountRecord): string {
  const blind = scope.sensors.length === 0 || scope.networks.length === 0;
  const sees = `Account "${name}" (${id}): sensors ${listText(scope.sensors)}, networks ${listText(scope.networks)}.\n`;
  return blind ? `${sees}It sees no packet yet: grant it both with "edgetap account grant".\n` : sees;
}

function listText(values: Scope['sensors']): string {
  if (values === 'all') return 'all';
  return values.length === 0 ? 'none' : values.join(',');
}
