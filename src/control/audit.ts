import type { Transaction } from '../db/database.ts';
import { insertAudit } from '../db/audit.ts';
import { idFrom } from '../model/id.ts';

/** Gives that many unpredictable bytes. */
export type RandomBytes = (count: number) => Uint8Array;

/** Everything that is written down. */
export type AuditAction =
  | 'account.create'
  | 'account.grant'
  | 'token.create'
  | 'token.revoke'
  | 'user.create'
  | 'user.revoke'
  | 'bucket.add'
  | 'bucket.validate'
  | 'bucket.remove'
  | 'capture.create'
  | 'capture.stop'
  | 'capture.discard'
  | 'capture.download'
  | 'capture.expire';

/** Who did something, and from where. */
export interface Actor {
  readonly account_id: string;
  readonly principal_id: string;
  /** The client's address. */
  readonly address: string;
}

/** The person at the command line, or edgetap itself, at work on an account. */
export function operatorOf(account_id: string): Actor {
  return { account_id, principal_id: 'operator', address: 'local' };
}

/** Something that was done. */
export interface AuditEntry {
  readonly action: AuditAction;
  /** The id of what it was done to. */
  readonly subject: string;
  /** For people: one line, never a secret. */
  readonly detail: string;
}

/** Writes an audit row, in the transaction of what it tells of: one does not commit without the other. Gives the row's id. */
export async function writeAudit(
  tx: Transaction,
  actor: Actor,
  entry: AuditEntry,
  random: RandomBytes,
): Promise<string> {
  const { account_id, principal_id, address } = actor;
  const id = idFrom(random(16));
  await insertAudit(tx, { id, at: tx.wall(), account_id, principal_id, address, ...entry });
  return id;
}
