import { randomBytes } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import { accountById } from '../../db/accounts.ts';
import { listAudit } from '../../db/audit.ts';
import type { Database } from '../../db/database.ts';
import { openDatabase } from '../../db/open_database.ts';
import { listTokens } from '../../db/tokens.ts';
import { listUsers } from '../../db/users.ts';
import { createAccount, grantScope } from './manage_accounts.ts';
import { createToken, revokeTokenById } from './manage_tokens.ts';
import { createUser, revokeUserById } from './manage_users.ts';

const random = (count: number): Uint8Array => randomBytes(count);
let db: Database;
let now = 0n;
let account_id: string;

beforeEach(async () => {
  db = await openDatabase({ url: ':memory:', clock: () => (now += 1n) });
  account_id = (await createAccount(db, { name: 'team', scope: {} }, random)).id;
  return () => db.close();
});

const trail = async (): Promise<readonly string[]> =>
  (await listAudit(db, account_id, 20)).map((row) => `${row.principal_id} ${row.action} ${row.subject}: ${row.detail}`);

describe('accounts', () => {
  test('a new one sees nothing until it is granted', async () => {
    expect((await accountById(db, account_id))?.scope).toEqual({ sensors: [], networks: [] });
    await grantScope(db, account_id, { sensors: ['ord-1'] }, random);
    const granted = await grantScope(db, account_id, { networks: 'all' }, random);
    expect(granted.scope).toEqual({ sensors: ['ord-1'], networks: 'all' });
    expect(await accountById(db, account_id)).toEqual(granted);
    expect(await trail()).toContain(`operator account.grant ${account_id}: sensors ord-1, all networks`);
    expect(await trail()).toContain(`operator account.create ${account_id}: "team", no sensors, no networks`);
  });

  test('faults', async () => {
    await expect(grantScope(db, 'none', { sensors: 'all' }, random)).rejects.toThrow('There is no account none.');
    for (const name of ['', 'x'.repeat(65), 'a\nb']) {
      await expect(createAccount(db, { name, scope: {} }, random)).rejects.toThrow('1 to 64 characters');
    }
  });
});

describe('tokens', () => {
  test('the secret is nowhere in the database', async () => {
    const order = { account_id, name: 'ci', permission: 'read', expires_at: 2n ** 62n } as const;
    const { token, secret } = await createToken(db, order, random);
    expect(await listTokens(db, account_id)).toEqual([token]);
    const everything = await Promise.all([
      db.query.selectFrom('tokens').selectAll().execute(),
      db.query.selectFrom('audit').selectAll().execute(),
    ]);
    const text = JSON.stringify(everything, (_, value: unknown) => (typeof value === 'bigint' ? `${value}` : value));
    expect(text).toContain(token.id);
    expect(text).not.toContain(secret.slice(3, 30));
  });

  test('revoking is for ever, may be repeated and is written down once', async () => {
    const { token } = await createToken(db, { account_id, name: 'ci', permission: 'write' }, random);
    await revokeTokenById(db, token.id, random);
    await revokeTokenById(db, token.id, random);
    expect((await listTokens(db, account_id))[0]?.revoked_at).toBeTypeOf('bigint');
    expect((await trail()).filter((line) => line.includes('token.revoke'))).toEqual([
      `operator token.revoke ${token.id}: "ci"`,
    ]);
  });

  test('faults', async () => {
    const order = { account_id, name: 'ci', permission: 'read' } as const;
    await expect(createToken(db, { ...order, account_id: 'x' }, random)).rejects.toMatchObject({
      faults: [{ name: 'account_unknown', message: 'There is no account x.' }],
    });
    await expect(createToken(db, { ...order, name: '' }, random)).rejects.toThrow('--name is ""');
    await expect(revokeTokenById(db, 'x', random)).rejects.toMatchObject({
      faults: [{ name: 'token_unknown', message: 'There is no token x.' }],
    });
  });
});

describe('users', () => {
  test('one key per email; a revoked one makes room', async () => {
    const order = { account_id, email: 'Ann@example.com', permission: 'read' } as const;
    const { user, key } = await createUser(db, order, random);
    expect(key).toMatch(/^ek_[0-9A-Za-z]{46}$/);
    expect(user.email).toBe('ann@example.com');
    await expect(createUser(db, order, random)).rejects.toMatchObject({ faults: [{ name: 'user_exists' }] });
    await revokeUserById(db, user.id, random);
    await expect(revokeUserById(db, user.id, random)).rejects.toMatchObject({ faults: [{ name: 'user_unknown' }] });
    await createUser(db, order, random);
    expect((await listUsers(db, account_id)).map((one) => one.revoked_at === undefined)).toEqual([false, true]);
    expect((await trail()).filter((line) => line.includes(' user.'))).toHaveLength(3);
  });

  test('faults', async () => {
    const order = { account_id, email: 'a@b', permission: 'read' } as const;
    await expect(createUser(db, { ...order, account_id: 'x' }, random)).rejects.toThrow('There is no account x.');
    for (const email of ['', 'ann', '@b', 'a@', 'a b@c', 'a@b@c', `${'a'.repeat(65)}@b`]) {
      await expect(createUser(db, { ...order, email }, random)).rejects.toThrow('an address such as');
    }
  });
});
