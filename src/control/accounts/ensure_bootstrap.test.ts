import { randomBytes } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import { accountById, insertAccount, listAccounts } from '../../db/accounts.ts';
import { listAudit } from '../../db/audit.ts';
import type { Database } from '../../db/database.ts';
import { openDatabase } from '../../db/open_database.ts';
import { listTokens } from '../../db/tokens.ts';
import { createAuthenticator } from './authenticator.ts';
import { type Bootstrap, type BootstrapOptions, ensureBootstrap, givenTokenHashes } from './ensure_bootstrap.ts';
import { createToken, revokeTokenById } from './manage_tokens.ts';
import { secretHash } from './token_text.ts';

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
    expect(await start()).toEqual({ account_id: first.account_id, warnings: [] });
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
    expect(await start()).toEqual({ account_id, warnings: [] });
  });

  test('two starts at once agree', async () => {
    const [one, two] = await Promise.all([start(), start()]);
    expect(one.account_id).toBe(two.account_id);
    expect([one.token, two.token].filter((token) => token !== undefined)).toHaveLength(1);
  });
});

const names = ({ warnings }: Bootstrap): readonly string[] => warnings.map((one) => one.name);

describe('with settings', () => {
  test('account and token are those that were given', async () => {
    const given = { account_id: id, given: 'EDGETAP_BOOTSTRAP_TOKEN', warnings: [] };
    expect(await start({ account_id: id, token: text })).toEqual(given);
    expect(await permissionOf(text)).toBe('write');
    expect(await start({ account_id: id, token: text })).toEqual(given);
    expect(await start()).toEqual({ account_id: id, warnings: [] });
    expect(await listTokens(db)).toHaveLength(1);
  });

  test('another token is good beside those before: no start revokes anything', async () => {
    const { token: made } = await start({ account_id: id });
    await start({ account_id: id, token: text });
    await start({ account_id: id, token: `${text} 2` });
    for (const token of [text, `${text} 2`, made ?? '']) expect(await permissionOf(token)).toBe('write');
    expect((await listAudit(db, id, 20)).filter((row) => row.action === 'token.revoke')).toEqual([]);
  });

  test('a revoked token is refused', async () => {
    await start({ account_id: id, token: text });
    const [token] = await listTokens(db, id);
    await revokeTokenById(db, token?.id ?? '', random);
    await expect(start({ account_id: id, token: text })).rejects.toThrow('a token that was not revoked');
  });

  test("the command line's token counts at the first start, later it is left out and told", async () => {
    expect(await start({ cli_token: text })).toMatchObject({ given: 'EDGETAP_TOKEN', warnings: [] });
    expect(await permissionOf(text)).toBe('write');
    const { account_id } = await start();
    const { secret: read } = await createToken(db, { account_id, name: 'reader', permission: 'read' }, random);
    for (const cli_token of [read, text, `${text} 2`, 'short']) {
      const again = await start({ cli_token });
      expect([again.given, names(again)]).toEqual([undefined, ['token_setting_ignored']]);
    }
    expect([await permissionOf(text), await permissionOf(read)]).toEqual(['write', 'read']);
    expect(await permissionOf(`${text} 2`)).toBe('refused');
    expect(await listTokens(db)).toHaveLength(2);
  });

  test("the server's own token goes before the command line's", async () => {
    const both = await start({ token: text, cli_token: `${text} 2` });
    expect([both.given, names(both)]).toEqual(['EDGETAP_BOOTSTRAP_TOKEN', ['token_setting_ignored']]);
    expect([await permissionOf(text), await permissionOf(`${text} 2`)]).toEqual(['write', 'refused']);
    expect(names(await start({ token: text, cli_token: text }))).toEqual([]);
  });

  test('a given token that can do less is told, and stays as it is', async () => {
    const { account_id } = await start();
    const order = { account_id, name: 'less', permission: 'read', expires_at: clock() - 1n } as const;
    const { secret } = await createToken(db, order, random);
    const found = await start({ token: secret });
    expect(names(found)).toEqual(['token_setting_lacks']);
    expect(found.warnings[0]?.message).toContain('may only read and has expired');
    expect((await listTokens(db, account_id)).filter((one) => one.revoked_at !== undefined)).toEqual([]);
  });

  test('hashes of given tokens are known at every later start, whatever is set then', async () => {
    const mistyped = `et_${'a'.repeat(46)}`;
    await start({ token: mistyped });
    await start({ token: text });
    expect((await givenTokenHashes(db)).toSorted()).toEqual([mistyped, text].map(secretHash).toSorted());
  });

  test('the first account stays the first: another id is left out and told, and no account is made for it', async () => {
    await start({ account_id: id });
    const other = 'c'.repeat(32);
    await db.transaction((tx) =>
      insertAccount(tx, { id: other, name: 'team', created: 1n, scope: { sensors: [], networks: [] } }),
    );
    for (const account_id of [other, 'd'.repeat(32)]) {
      const again = await start({ account_id, token: text });
      expect([again.account_id, names(again)]).toEqual([id, ['account_setting_ignored']]);
      expect(again.warnings[0]?.message).toContain(id);
    }
    expect(await listTokens(db, other)).toEqual([]);
    expect(await listAccounts(db)).toHaveLength(2);
  });

  test('an account that exists keeps its scope', async () => {
    const scope = { sensors: ['a'], networks: ['10.0.0.0/8'] };
    await db.transaction((tx) => insertAccount(tx, { id, name: 'x', created: 1n, scope }));
    await start({ account_id: id });
    expect(await listAccounts(db)).toEqual([{ id, name: 'x', created: 1n, scope }]);
  });

  test("another account's token is refused, and nothing is made", async () => {
    await start({ account_id: id });
    const other = 'c'.repeat(32);
    await db.transaction((tx) =>
      insertAccount(tx, { id: other, name: 'team', created: 1n, scope: { sensors: [], networks: [] } }),
    );
    const { secret } = await createToken(db, { account_id: other, name: 'x', permission: 'write' }, random);
    await expect(start({ token: secret })).rejects.toThrow('a token of no other account');
    expect(await listTokens(db, id)).toHaveLength(1);
  });

  test.each([
    [{ account_id: 'B'.repeat(32) }, 'EDGETAP_ACCOUNT_ID is "BBBB'],
    [{ account_id: 'b'.repeat(31) }, 'EDGETAP_ACCOUNT_ID is "bbbb'],
    [{ token: 'nineteen characters' }, 'EDGETAP_BOOTSTRAP_TOKEN is "(hidden)": it must be 20 to 1024 visible'],
    [{ token: 'x'.repeat(1025) }, 'EDGETAP_BOOTSTRAP_TOKEN is "(hidden)"'],
    [{ token: ` ${'x'.repeat(30)}` }, 'EDGETAP_BOOTSTRAP_TOKEN is "(hidden)"'],
    [{ token: `${'x'.repeat(30)}\n` }, 'EDGETAP_BOOTSTRAP_TOKEN is "(hidden)"'],
    [{ cli_token: 'nineteen characters' }, 'EDGETAP_TOKEN is "(hidden)"'],
    [{ token: 'ü'.repeat(30) }, 'EDGETAP_BOOTSTRAP_TOKEN is "(hidden)"'],
  ])('%o stops the start', async (options, message) => {
    await expect(start(options)).rejects.toThrow(message);
    expect(await listAccounts(db)).toEqual([]);
  });
});
