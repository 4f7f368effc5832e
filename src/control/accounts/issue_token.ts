import type { Transaction } from '../../db/database.ts';
import { insertToken, type TokenRecord } from '../../db/tokens.ts';
import { raise } from '../../model/errors/fault.ts';
import { idFrom } from '../../model/id.ts';
import type { Permission } from '../../model/principal.ts';
import { formatTime, type TimeNs } from '../../model/time.ts';
import { operatorOf, type RandomBytes, writeAudit } from '../audit.ts';
import { makeSecret, secretHash } from './token_text.ts';

/** A new token. */
export interface TokenOrder {
  readonly account_id: string;
  readonly name: string;
  readonly permission: Permission;
  readonly expires_at?: TimeNs;
}

/** A token and, this once, what to send. */
export interface IssuedToken {
  readonly token: TokenRecord;
  readonly secret: string;
}

/** Makes a token of an account that exists; `given` is a text that the operator chose in place of a random one. */
export async function issueToken(
  tx: Transaction,
  order: TokenOrder,
  random: RandomBytes,
  given?: string,
): Promise<IssuedToken> {
  const secret = given ?? makeSecret('et_', random);
  const token: TokenRecord = { id: idFrom(random(16)), ...order, created: tx.wall() };
  if (!(await insertToken(tx, token, secretHash(secret)))) {
    raise('database_failed', { reason: 'a token of this text is there already' });
  }
  const until = order.expires_at === undefined ? 'without end' : `until ${formatTime(order.expires_at)}`;
  const detail = `"${order.name}", ${order.permission}, ${until}`;
  await writeAudit(tx, operatorOf(order.account_id), { action: 'token.create', subject: token.id, detail }, random);
  return { token, secret };
}
