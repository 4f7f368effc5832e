import { type AccountRecord, accountById, insertAccount, updateScope } from '../../db/accounts.ts';
import type { Database } from '../../db/database.ts';
import { raise } from '../../model/errors/fault.ts';
import { idFrom } from '../../model/id.ts';
import type { Scope } from '../../model/scope.ts';
import { operatorOf, type RandomBytes, writeAudit } from '../audit.ts';

/** Makes an account that sees what it is granted, and nothing by default. */
export async function createAccount(
  db: Database,
  order: { readonly name: string; readonly scope: Partial<Scope> },
  random: RandomBytes,
): Promise<AccountRecord> {
  const { name } = order;
  if (!/^[^\p{Cc}]{1,64}$/u.test(name)) {
    raise('setting_invalid', { setting: 'The name', value: name, expected: '1 to 64 characters' });
  }
  return await db.transaction(async (tx) => {
    const scope = { sensors: [], networks: [], ...order.scope };
    const account = { id: idFrom(random(16)), name, created: tx.wall(), scope };
    await insertAccount(tx, account);
    const detail = `"${name}", ${scopeText(scope)}`;
    await writeAudit(tx, operatorOf(account.id), { action: 'account.create', subject: account.id, detail }, random);
    return account;
  });
}

/**
 * Replaces what an account may see; a part of the scope that is left out stays. Captures that exist keep the scope that they
 * were made with.
 *
 * @throws FaultError `account_unknown`
 */
export async function grantScope(
  db: Database,
  id: string,
  change: Partial<Scope>,
  random: RandomBytes,
): Promise<AccountRecord> {
  return await db.transaction(async (tx) => {
    const known = await accountById(tx, id);
    if (known === undefined) return raise('account_unknown', { account: id });
    const scope = { ...known.scope, ...change };
    await updateScope(tx, id, scope);
    await writeAudit(tx, operatorOf(id), { action: 'account.grant', subject: id, detail: scopeText(scope) }, random);
    return { ...known, scope };
  });
}

/** A scope for people: `all sensors, networks 10.0.0.0/8`. */
function scopeText(scope: Scope): string {
  const part = (values: Scope['sensors'], what: string): string => {
    if (values === 'all') return `all ${what}`;
    return values.length === 0 ? `no ${what}` : `${what} ${values.join(' ')}`;
  };
  return `${part(scope.sensors, 'sensors')}, ${part(scope.networks, 'networks')}`;
}
