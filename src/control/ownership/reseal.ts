import type { Database } from '../../db/database.ts';
import { replaceSealed, sealedOwnerships } from '../../db/ownerships.ts';
import type { Vault } from './vault.ts';

/**
 * Seals all bucket credentials with the newest key that are sealed with an older one: after it, older keys can be taken out
 * of the key file. For the start; repeating it changes nothing.
 *
 * @returns how many there were
 * @throws FaultError `secret_key_invalid` when one does not open
 */
export async function reseal(db: Database, vault: Vault): Promise<number> {
  const stale = (await sealedOwnerships(db)).filter(({ sealed }) => vault.isStale(sealed));
  await db.transaction(async (tx) => {
    for (const { id, sealed } of stale) await replaceSealed(tx, id, sealed, vault.seal(vault.open(sealed, id), id));
  });
  return stale.length;
}
