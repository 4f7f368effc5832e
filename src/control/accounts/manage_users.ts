import { accountById } from '../../db/accounts.ts';
import type { Database } from '../../db/database.ts';
import { insertUser, revokeUser, type UserRecord } from '../../db/users.ts';
import { raise } from '../../model/errors/fault.ts';
import { idFrom } from '../../model/id.ts';
import type { Permission } from '../../model/principal.ts';
import { operatorOf, type RandomBytes, writeAudit } from '../audit.ts';
import { makeSecret, secretHash } from './token_text.ts';

/** A new user. */
export interface UserOrder {
  readonly account_id: string;
  readonly email: string;
  readonly permission: Permission;
}

/**
 * Makes somebody who authenticates with email and key; the key is in the answer and nowhere else.
 *
 * @throws FaultError `account_unknown`, `user_exists`, `setting_invalid`
 */
export async function createUser(
  db: Database,
  order: UserOrder,
  random: RandomBytes,
): Promise<{ readonly user: UserRecord; readonly key: string }> {
  const email = order.email.toLowerCase();
  // Not whether the address exists: only that it can be sent in a header and told apart.
  if (!/^[!-?A-~]{1,64}@[!-?A-~]{1,189}$/.test(email)) {
    raise('setting_invalid', {
      setting: 'The email',
      value: order.email,
      expected: 'an address such as ann@example.com',
    });
  }
  return await db.transaction(async (tx) => {
    const { account_id, permission } = order;
    if ((await accountById(tx, account_id)) === undefined) raise('account_unknown', { account: account_id });
    const key = makeSecret('ek_', random);
    const user: UserRecord = { id: idFrom(random(16)), account_id, email, permission, created: tx.wall() };
    if (!(await insertUser(tx, user, secretHash(key)))) raise('user_exists', { account: account_id, email });
    const entry = { action: 'user.create', subject: user.id, detail: `${email}, ${permission}` } as const;
    await writeAudit(tx, operatorOf(account_id), entry, random);
    return { user, key };
  });
}

/**
 * Revokes a user's key for ever; seen as late as a token's revocation.
 *
 * @throws FaultError `user_unknown`
 */
export async function revokeUserById(db: Database, id: string, random: RandomBytes): Promise<void> {
  await db.transaction(async (tx) => {
    const user = await revokeUser(tx, id, tx.wall());
    if (user === undefined) return raise('user_unknown', { user: id });
    const entry = { action: 'user.revoke', subject: id, detail: user.email } as const;
    await writeAudit(tx, operatorOf(user.account_id), entry, random);
  });
}
