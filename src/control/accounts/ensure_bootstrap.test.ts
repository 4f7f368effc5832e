import { randomBytes } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import { accountById, insertAccount, listAccounts } from '../../db/accounts.ts';
import { listAudit } from '../../db/audit.ts';
import type { Database } from '../../db/database.ts';
import { openDatabase } from '../../db/open_database.ts';
import { listTokens } from '../../db/tokens.ts';
import { createAuthenticator } from './authenticator.ts';
import { type Bootstrap, type BootstrapOptions, ensureBootstrap } from './ensure_bootstrap.ts';
import { revokeTokenById } from './manage_tokens.ts';

const random = (count: number): Uint8Array => randomBytes(count);
const clock = (): bigint => 1_800_000_000_000_000_000n;
const id = 'b'.repeat(32);
const text = 'correct horse battery staple';

let db: Database;
beforeEach(async () => {
  db = await openDatabase({ url: ':memory:', clock });
  return () => db.close();
});

const start = (options: BootstrapOptions = {}): Promise<Bootstrap> => ensureBootstrap(db, options, random);

async function permissionOf(token: string): Promise<string> {
  return await createAuthenticator(db)
    .authenticate({ authorization: `Bearer ${token}` })
    .then(
      (principal) => principal.permission,
      () => 'refused',
    );
}

describe('without settings', () => {
  test('the first start makes an account that sees all, and a token; later ones change nothing', async () => {
    const first = await start();
    expect(first.account_id).toMatch(/^[0-9a-f]{32}$/);
    expect((await accountById(db, first.account_id))?.scope).toEqual({ sensors: 'all', networks: 'all' });
    expect(await permissionOf(first.token ?? '')).toBe('write');
    expect(await start()).toEqual({ account_id: first.account_id });
    expect(await listTokens(db)).toHaveLength(1);
    expect((await listAudit(db, first.account_id, 9)).map((row) => row.action).toSorted()).toEqual([
      'account.create',
      'token.create',
    ]);
  });

  test('a revoked first token is not followed by another', async () => {
    const { account_id } = await start();
    const [token] = await listTokens(db, account_id);
    await revokeTokenById(db, token?.id ?? '', random);
    expect(await start()).toEqual({ account_id });
  });

  test('two starts at once agree', async () => {
    const [one, two] = await Promise.all([start(), start()]);
    expect(one.account_id).toBe(two.account_id);
    expect([one.token, two.token].filter((token) => token !== undefined)).toHaveLength(1);
  });
});

describe('with settings', () => {
  test('account and token are those that were given', async () => {
    expect(await start({ account_id: id, token: text })).toEqual({ account_id: id });
    expect(await permissionOf(text)).toBe('write');
    expect(await start({ account_id: id, token: text })).toEqual({ account_id: id });
    expect(await start()).toEqual({ account_id: id });
    expect(await listTokens(db)).toHaveLength(1);
  });

  test('a given token takes the place of the one given before, and of no other', async () => {
    const { token: made } = await start({ account_id: id });
    await start({ account_id: id, token: text });
    await start({ account_id: id, token: `${text} 2` });
    expect(await permissionOf(text)).toBe('refused');
    expect(await permissionOf(`${text} 2`)).toBe('write');
    expect(await permissionOf(made ?? '')).toBe('write');
    await expect(start({ account_id: id, token: text })).rejects.toThrow('a token that was not revoked');
    const revoked = (await listAudit(db, id, 20)).filter((row) => row.action === 'token.revoke');
    expect(revoked).toHaveLength(1);
  });

  test('an account that exists keeps its scope', async () => {
    const scope = { sensors: ['a'], networks: ['10.0.0.0/8'] };
    await db.transaction((tx) => insertAccount(tx, { id, name: 'x', created: 1n, scope }));
    await start({ account_id: id });
    expect(await listAccounts(db)).toEqual([{ id, name: 'x', created: 1n, scope }]);
  });

  test("another account's token is refused, and nothing is made", async () => {
    await start({ account_id: id, token: text });
    await expect(start({ account_id: 'c'.repeat(32), token: text })).rejects.toThrow('a token of no other account');
    expect(await listAccounts(db)).toHaveLength(1);
  });

  test.each([
    [{ account_id: 'B'.repeat(32) }, 'EDGETAP_ACCOUNT_ID is "BBBB'],
    [{ account_id: 'b'.repeat(31) }, 'EDGETAP_ACCOUNT_ID is "bbbb'],
    [{ token: 'nineteen characters' }, 'EDGETAP_TOKEN is "(hidden)": it must be 20 to 1024 visible'],
    [{ token: 'x'.repeat(1025) }, 'EDGETAP_TOKEN is "(hidden)"'],
    [{ token: ` ${'x'.repeat(30)}` }, 'EDGETAP_TOKEN is "(hidden)"'],
    [{ token: `${'x'.repeat(30)}\n` }, 'EDGETAP_TOKEN is "(hidden)"'],
    [{ token: 'ü'.repeat(30) }, 'EDGETAP_TOKEN is "(hidden)"'],
  ])('%o stops the start', async (options, message) => {
    await expect(start(options)).rejects.toThrow(message);
    expect(await listAccounts(db)).toEqual([]);
  });
});
