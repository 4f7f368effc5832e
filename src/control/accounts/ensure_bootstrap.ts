import { accountById, insertAccount } from '../../db/accounts.ts';
import type { Database, Transaction } from '../../db/database.ts';
import { readSetting, writeSetting } from '../../db/settings.ts';
import { listTokens, tokenByHash } from '../../db/tokens.ts';
import { raise } from '../../model/errors/fault.ts';
import { idFrom, isId } from '../../model/id.ts';
import { operatorOf, type RandomBytes, writeAudit } from '../audit.ts';
import { endToken } from './end_token.ts';
import { issueToken } from './issue_token.ts';
import { secretHash } from './token_text.ts';

const settingKey = 'bootstrap_account';
const givenName = 'EDGETAP_TOKEN';
const given_min_chars = 20;
const given_max_chars = 1024;

/** What EDGETAP_ACCOUNT_ID and EDGETAP_TOKEN say. */
export interface BootstrapOptions {
  readonly account_id?: string;
  readonly token?: string;
}

/** The account that there is from the first start on. */
export interface Bootstrap {
  readonly account_id: string;
  /** A token that was made just now: to be shown this once. Absent when there was one already, or the operator gave one. */
  readonly token?: string;
}

/**
 * Sees to it that there is an account that sees everything, and a token to reach it with. Repeating it changes nothing.
 * A token that the operator gives takes the place of the one given before, which is revoked.
 *
 * @throws FaultError `setting_invalid` for an account id or a token that cannot be used
 */
export async function ensureBootstrap(
  db: Database,
  options: BootstrapOptions,
  random: RandomBytes,
): Promise<Bootstrap> {
  checkAccountId(options.account_id);
  checkToken(options.token);
  return await db.transaction(async (tx) => {
    const account_id = await ensureAccount(tx, options.account_id, random);
    if (options.token !== undefined) {
      await takeGivenToken(tx, account_id, options.token, random);
      return { account_id };
    }
    if ((await listTokens(tx, account_id)).length > 0) return { account_id };
    const { secret } = await issueToken(tx, { account_id, name: 'first', permission: 'write' }, random);
    return { account_id, token: secret };
  });
}

async function ensureAccount(tx: Transaction, given: string | undefined, random: RandomBytes): Promise<string> {
  const known = await readSetting(tx, settingKey);
  const id = given ?? known ?? idFrom(random(16));
  if (known === undefined) await writeSetting(tx, settingKey, id);
  if ((await accountById(tx, id)) !== undefined) return id;
  const scope = { sensors: 'all', networks: 'all' } as const;
  await insertAccount(tx, { id, name: 'default', created: tx.wall(), scope });
  const detail = '"default", all sensors, all networks';
  await writeAudit(tx, operatorOf(id), { action: 'account.create', subject: id, detail }, random);
  return id;
}

async function takeGivenToken(tx: Transaction, account_id: string, text: string, random: RandomBytes): Promise<void> {
  const known = await tokenByHash(tx, secretHash(text));
  if (known !== undefined && known.account_id !== account_id) refuseToken('a token of no other account');
  if (known?.revoked_at !== undefined) refuseToken('a token that was not revoked: choose another text');
  const order = { account_id, name: givenName, permission: 'write' } as const;
  const { id } = known ?? (await issueToken(tx, order, random, text)).token;
  const before = await readSetting(tx, givenKey(account_id));
  if (before === id) return;
  await writeSetting(tx, givenKey(account_id), id);
  if (before !== undefined) await endToken(tx, before, random);
}

/** The setting that holds the id of the token that the operator gave last. */
function givenKey(account_id: string): string {
  return `given_token:${account_id}`;
}

function checkAccountId(id: string | undefined): void {
  if (id !== undefined && !isId(id)) {
    const expected = '32 lower-case hexadecimal characters';
    raise('setting_invalid', { setting: 'EDGETAP_ACCOUNT_ID', value: id, expected });
  }
}

function checkToken(text: string | undefined): void {
  if (text === undefined) return;
  if (text.length < given_min_chars || text.length > given_max_chars || !/^[!-~](?:[ -~]*[!-~])?$/.test(text)) {
    refuseToken(`${given_min_chars} to ${given_max_chars} visible ASCII characters, without spaces at its ends`);
  }
}

function refuseToken(expected: string): never {
  return raise('setting_invalid', { setting: givenName, value: '(hidden)', expected });
}
