import type { Command } from 'commander';
import { createUser, revokeUserById } from '../control/accounts/manage_users.ts';
import { listUsers } from '../db/users.ts';
import type { Permission } from '../model/principal.ts';
import {
  accountFor,
  accountOption,
  jsonText,
  onDatabase,
  type OperatorDeps,
  type OperatorOptions,
  permissionOption,
  timeText,
  withOperatorOptions,
} from './operator_command.ts';
import { textTable } from '../cli/text_table.ts';

interface CreateOptions extends OperatorOptions {
  readonly account?: string;
  readonly permission: Permission;
}

/** Adds `edgetap user create|list|revoke`: people who send X-Auth-Email and X-Auth-Key. */
export function registerUserCommands(program: Command, deps: OperatorDeps): void {
  const user = program.command('user').description('users, who send X-Auth-Email and X-Auth-Key instead of a token');

  withOperatorOptions(
    user
      .command('create <email>')
      .description('make a user and print the key, this once')
      .addOption(accountOption())
      .addOption(permissionOption('write')),
  ).action(async (email: string, options: CreateOptions) => {
    const { permission } = options;
    const { user: made, key } = await onDatabase(options, deps, async (db) => {
      const account_id = await accountFor(db, options.account);
      return await createUser(db, { account_id, email, permission }, deps.random);
    });
    if (options.json) return deps.print(jsonText({ ...made, key }));
    deps.note(`User ${made.email} (${made.id}), ${permission}. The key is shown this once:\n`);
    deps.print(`${key}\n`);
  });

  withOperatorOptions(
    user.command('list').description('list the users, without their keys').addOption(accountOption()),
  ).action(async (options: OperatorOptions & { readonly account?: string }) => {
    const users = await onDatabase(options, deps, async (db) =>
      listUsers(db, options.account === undefined ? undefined : await accountFor(db, options.account)),
    );
    const statusOf = (one: (typeof users)[number]): string => (one.revoked_at === undefined ? 'active' : 'revoked');
    if (options.json) return deps.print(jsonText(users.map((one) => ({ ...one, status: statusOf(one) }))));
    const rows = users.map((one) => [
      one.id,
      one.account_id,
      one.permission,
      statusOf(one),
      timeText(one.created),
      one.email,
    ]);
    deps.print(textTable(['ID', 'ACCOUNT', 'PERMISSION', 'STATUS', 'CREATED', 'EMAIL'], rows));
  });

  withOperatorOptions(
    user.command('revoke <id>').description("end a user's key for ever; a running edgetap refuses it within 5 seconds"),
  ).action(async (id: string, options: OperatorOptions) => {
    await onDatabase(options, deps, (db) => revokeUserById(db, id, deps.random));
    if (options.json) deps.print(jsonText({ id, status: 'revoked' }));
    else deps.note(`The key of user ${id} is revoked.\n`);
  });
}
