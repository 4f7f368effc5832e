import { accountById } from '../../db/accounts.ts';
import type { Database } from '../../db/database.ts';
import { raise } from '../../model/errors/fault.ts';
import type { RandomBytes } from '../audit.ts';
import { endToken } from './end_token.ts';
import { type IssuedToken, issueToken, type TokenOrder } from './issue_token.ts';

/**
 * Makes a token; its secret is in the answer and nowhere else.
 *
 * @throws FaultError `account_unknown`, `setting_invalid`
 */
export async function createToken(db: Database, order: TokenOrder, random: RandomBytes): Promise<IssuedToken> {
  if (!/^[^\p{Cc}]{1,64}$/u.test(order.name)) {
    raise('setting_invalid', { setting: '--name', value: order.name, expected: '1 to 64 characters' });
  }
  return await db.transaction(async (tx) => {
    if ((await accountById(tx, order.account_id)) === undefined)
      raise('account_unknown', { account: order.account_id });
    return await issueToken(tx, order, random);
  });
}

/**
 * Revokes a token for ever; idempotent. This process stops believing it at once if its authenticator is told to
 * `forget`, other processes within five seconds.
 *
 * @throws FaultError `token_unknown`
 */
export async function revokeTokenById(db: Database, id: string, random: RandomBytes): Promise<void> {
  if (!(await db.transaction((tx) => endToken(tx, id, random)))) raise('token_unknown', { token: id });
}
