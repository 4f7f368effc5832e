import type { Transaction } from '../../db/database.ts';
import { revokeToken, tokenById } from '../../db/tokens.ts';
import { operatorOf, type RandomBytes, writeAudit } from '../audit.ts';

/** Revokes a token; false when there is none of this id. Revoking it again changes nothing. */
export async function endToken(tx: Transaction, id: string, random: RandomBytes): Promise<boolean> {
  const token = await tokenById(tx, id);
  if (token === undefined) return false;
  if (await revokeToken(tx, id, tx.wall())) {
    const entry = { action: 'token.revoke', subject: id, detail: `"${token.name}"` } as const;
    await writeAudit(tx, operatorOf(token.account_id), entry, random);
  }
  return true;
}
