import { accountById, insertAccount } from '../../db/accounts.ts';
import type { Database, Queries, Transaction } from '../../db/database.ts';
import { readSetting, writeSetting } from '../../db/settings.ts';
import { hashesOfTokensNamed, listTokens, tokenByHash } from '../../db/tokens.ts';
import { type Fault, fault, raise } from '../../model/errors/fault.ts';
import { idFrom, isId } from '../../model/id.ts';
import { operatorOf, type RandomBytes, writeAudit } from '../audit.ts';
import { issueToken } from './issue_token.ts';
import { secretHash } from './token_text.ts';

const settingKey = 'bootstrap_account';
const givenName = 'EDGETAP_BOOTSTRAP_TOKEN';
/** The name of the command line's own setting, which an older edgetap took for the server's too. */
const cliName = 'EDGETAP_TOKEN';
type GivenName = typeof givenName | typeof cliName;

const given_min_chars = 20;
const given_max_chars = 1024;

/** What the settings say of the first account. */
export interface BootstrapOptions {
  /** EDGETAP_ACCOUNT_ID. */
  readonly account_id?: string;
  /** EDGETAP_BOOTSTRAP_TOKEN. */
  readonly token?: string;
  /** EDGETAP_TOKEN: the command line's, which counts only where there is no account yet, and no `token`. */
  readonly cli_token?: string;
}

/** The account that there is from the first start on. */
export interface Bootstrap {
  readonly account_id: string;
  /** A token that was made just now: to be shown this once. Absent when there was one already, or the operator gave one. */
  readonly token?: string;
  /** The setting whose token is good for the account. */
  readonly given?: 'EDGETAP_BOOTSTRAP_TOKEN' | 'EDGETAP_TOKEN';
  /** What of the settings does not count, or not as it may be meant. */
  readonly warnings: readonly Fault[];
}

/**
 * Sees to it that there is an account that sees everything, and a token to reach it with. Repeating it changes nothing, and
 * nothing is ever revoked by it: a token that the operator gives is there beside those that were there before.
 *
 * @throws FaultError `setting_invalid` for an account id or a token that cannot be used
 */
export async function ensureBootstrap(
  db: Database,
  options: BootstrapOptions,
  random: RandomBytes,
): Promise<Bootstrap> {
  checkAccountId(options.account_id);
  if (options.token !== undefined) checkToken(givenName, options.token);
  return await db.transaction(async (tx) => {
    const known = await readSetting(tx, settingKey);
    const { token, cli_token } = options;
    const [name, text] =
      token !== undefined
        ? ([givenName, token] as const)
        : ([cliName, known === undefined ? cli_token : undefined] as const);
    if (text !== undefined) checkToken(name, text);
    const account_id = await ensureAccount(tx, known, options.account_id, random);
    const warnings = ignored(options, account_id, text);
    if (text !== undefined) {
      const less = await takeGivenToken(tx, account_id, name, text, random);
      return { account_id, given: name, warnings: [...warnings, ...less] };
    }
    if ((await listTokens(tx, account_id)).length > 0) return { account_id, warnings };
    const { secret } = await issueToken(tx, { account_id, name: 'first', permission: 'write' }, random);
    return { account_id, token: secret, warnings };
  });
}

/** The first account's id; undefined until there is one. */
export async function firstAccount(db: Queries): Promise<string | undefined> {
  return await readSetting(db, settingKey);
}

/** Hashes of the tokens that an operator gave at this start or an earlier one: any text, which may look like a mistyped one of ours. */
export async function givenTokenHashes(db: Queries): Promise<readonly string[]> {
  return await hashesOfTokensNamed(db, [givenName, cliName]);
}

async function ensureAccount(
  tx: Transaction,
  known: string | undefined,
  given: string | undefined,
  random: RandomBytes,
): Promise<string> {
  const id = known ?? given ?? idFrom(random(16));
  if (known === undefined) await writeSetting(tx, settingKey, id);
  if ((await accountById(tx, id)) !== undefined) return id;
  const scope = { sensors: 'all', networks: 'all' } as const;
  await insertAccount(tx, { id, name: 'default', created: tx.wall(), scope });
  const detail = '"default", all sensors, all networks';
  await writeAudit(tx, operatorOf(id), { action: 'account.create', subject: id, detail }, random);
  return id;
}

/** The settings that do not count: both are the command line's too, and may have been set for it alone. */
function ignored(options: BootstrapOptions, account_id: string, text: string | undefined): readonly Fault[] {
  const { cli_token, account_id: given } = options;
  return [
    ...(cli_token === undefined || cli_token === text ? [] : [fault('token_setting_ignored')]),
    ...(given === undefined || given === account_id ? [] : [fault('account_setting_ignored', { account: account_id })]),
  ];
}

/** Gives the account this token, if it has not got it yet. What the token cannot do is told. */
async function takeGivenToken(
  tx: Transaction,
  account_id: string,
  name: GivenName,
  text: string,
  random: RandomBytes,
): Promise<readonly Fault[]> {
  const known = await tokenByHash(tx, secretHash(text));
  if (known === undefined) {
    await issueToken(tx, { account_id, name, permission: 'write' }, random, text);
    return [];
  }
  if (known.account_id !== account_id) refuseToken(name, 'a token of no other account');
  if (known.revoked_at !== undefined) refuseToken(name, 'a token that was not revoked: choose another text');
  const expired = known.expires_at !== undefined && known.expires_at <= (await tx.now());
  const lacks = [...(known.permission === 'read' ? ['may only read'] : []), ...(expired ? ['has expired'] : [])];
  return lacks.length === 0 ? [] : [fault('token_setting_lacks', { setting: name, lacks: lacks.join(' and ') })];
}

function checkAccountId(id: string | undefined): void {
  if (id !== undefined && !isId(id)) {
    const expected = '32 lower-case hexadecimal characters';
    raise('setting_invalid', { setting: 'EDGETAP_ACCOUNT_ID', value: id, expected });
  }
}

function checkToken(name: GivenName, text: string): void {
  if (text.length < given_min_chars || text.length > given_max_chars || !/^[!-~](?:[ -~]*[!-~])?$/.test(text)) {
    refuseToken(name, `${given_min_chars} to ${given_max_chars} visible ASCII characters, without spaces at its ends`);
  }
}

function refuseToken(name: GivenName, expected: string): never {
  return raise('setting_invalid', { setting: name, value: '(hidden)', expected });
}
