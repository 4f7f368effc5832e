import type { Command } from 'commander';
import { runningCaptures, stopCaptures } from '../control/captures/stop_captures.ts';
import { createToken, revokeTokenById } from '../control/accounts/manage_tokens.ts';
import { readExpiry } from '../control/accounts/read_expiry.ts';
import type { DatabaseClock } from '../db/database.ts';
import { listTokens, type TokenRecord } from '../db/tokens.ts';
import type { Permission } from '../model/principal.ts';
import type { TimeNs } from '../model/time.ts';
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
import { stoppedText } from './captures_command.ts';
import { textTable } from '../cli/text_table.ts';

interface CreateOptions extends OperatorOptions {
  readonly account?: string;
  readonly name: string;
  readonly permission: Permission;
  readonly expires?: string;
}

/** Adds `edgetap token create|list|revoke`. */
export function registerTokenCommands(program: Command, deps: OperatorDeps): void {
  const token = program.command('token').description('API tokens');

  withOperatorOptions(
    token
      .command('create')
      .description('make a token and print it, this once')
      .addOption(accountOption())
      .requiredOption('--name <name>', 'what it is for')
      .addOption(permissionOption('read'))
      .option('--expires <when>', 'a time to live such as 12h or 90d, or an RFC 3339 moment; never by default'),
  ).action(async (options: CreateOptions) => {
    const { name, permission, expires } = options;
    const { token: made, secret } = await onDatabase(options, deps, async (db) => {
      const expires_at = expires === undefined ? {} : { expires_at: readExpiry(expires, db.clock) };
      const account_id = await accountFor(db, options.account);
      const { token: stored, secret: made_secret } = await createToken(
        db,
        { account_id, name, permission, ...expires_at },
        deps.random,
      );
      return { token: shown(stored, db.clock), secret: made_secret };
    });
    if (options.json) return deps.print(jsonText({ ...made, token: secret }));
    const end = made.expires_at === undefined ? 'does not expire' : `expires ${timeText(made.expires_at)}`;
    deps.note(`Token "${name}" (${made.id}), ${permission}, ${end}. It is shown this once:\n`);
    deps.print(`${secret}\n`);
  });

  withOperatorOptions(
    token.command('list').description('list the tokens, without their secrets').addOption(accountOption()),
  ).action(async (options: OperatorOptions & { readonly account?: string }) => {
    const tokens = await onDatabase(options, deps, async (db) => {
      const account = options.account === undefined ? undefined : await accountFor(db, options.account);
      const now = db.clock.now();
      return (await listTokens(db, account)).map((one) => ({ ...shown(one, db.clock), status: statusOf(one, now) }));
    });
    if (options.json) return deps.print(jsonText(tokens));
    const rows = tokens.map((one) => [
      one.id,
      one.account_id,
      one.permission,
      one.status,
      timeText(one.created),
      timeText(one.expires_at),
      timeText(one.last_used),
      one.name,
    ]);
    deps.print(textTable(['ID', 'ACCOUNT', 'PERMISSION', 'STATUS', 'CREATED', 'EXPIRES', 'LAST USED', 'NAME'], rows));
  });

  withOperatorOptions(
    token
      .command('revoke <id>')
      .description('end a token for ever; a running edgetap refuses it within 5 seconds')
      .option('--stop-captures', 'stop the full captures that it has made, too'),
  ).action(async (id: string, options: OperatorOptions & { readonly stopCaptures?: boolean }) => {
    const stop = options.stopCaptures === true;
    const ids = await onDatabase(options, deps, async (db) => {
      await revokeTokenById(db, id, deps.random);
      const of = { principal_id: id };
      if (stop) return await stopCaptures(db, of, deps.random);
      return (await runningCaptures(db, of)).map((one) => one.id);
    });
    const going_on = ids.length === 0 ? {} : { running: ids };
    const captures = stop ? { stopped: ids } : going_on;
    if (options.json) return deps.print(jsonText({ id, status: 'revoked', ...captures }));
    deps.note(`Token ${id} is revoked.\n`);
    if (stop) deps.note(stoppedText(ids));
    else if (ids.length > 0) deps.note(`Its captures go on (stop them with --stop-captures): ${ids.join(' ')}\n`);
  });
}

/** A token with its moments as the wall clock shows them. */
function shown(token: TokenRecord, { toWall }: Pick<DatabaseClock, 'toWall'>): TokenRecord {
  const { expires_at, last_used } = token;
  return {
    ...token,
    ...(expires_at === undefined ? {} : { expires_at: toWall(expires_at) }),
    ...(last_used === undefined ? {} : { last_used: toWall(last_used) }),
  };
}

function statusOf(token: TokenRecord, now: TimeNs): 'active' | 'expired' | 'revoked' {
  if (token.revoked_at !== undefined) return 'revoked';
  return token.expires_at !== undefined && token.expires_at <= now ? 'expired' : 'active';
}
