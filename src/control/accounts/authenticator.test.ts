import { randomBytes } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import { insertAccount } from '../../db/accounts.ts';
import type { Database } from '../../db/database.ts';
import { openDatabase } from '../../db/open_database.ts';
import { revokeToken, tokenById } from '../../db/tokens.ts';
import { revokeUser } from '../../db/users.ts';
import type { Principal } from '../../model/principal.ts';
import { type Authenticator, createAuthenticator } from './authenticator.ts';
import { createToken } from './manage_tokens.ts';
import { createUser } from './manage_users.ts';
import { makeSecret } from './token_text.ts';
import { secretHash } from './token_text.ts';

const second = 1_000_000_000n;
const random = (count: number): Uint8Array => randomBytes(count);
const account_id = 'a'.repeat(32);

let now = 0n;
let db: Database;
let authenticator: Authenticator;

beforeEach(async () => {
  now = 1_800_000_000n * second;
  db = await openDatabase({ url: ':memory:', clock: () => now });
  await db.transaction((tx) =>
    insertAccount(tx, { id: account_id, name: 'first', created: 5n, scope: { sensors: 'all', networks: 'all' } }),
  );
  authenticator = createAuthenticator(db);
  return () => db.close();
});

const bearer = (text: string): Promise<Principal> => authenticator.authenticate({ authorization: `Bearer ${text}` });

/** The name of the fault, or `good`. */
async function outcome(asked: Promise<Principal>): Promise<string> {
  return await asked.then(
    () => 'good',
    (error: { faults: [{ name: string }] }) => error.faults[0].name,
  );
}

async function newToken(expires_at?: bigint): Promise<{ id: string; secret: string }> {
  const order = { account_id, name: 't', permission: 'read' as const };
  const made = await createToken(db, expires_at === undefined ? order : { ...order, expires_at }, random);
  return { id: made.token.id, secret: made.secret };
}

describe('tokens', () => {
  test('a good one says who asks, however the header is written', async () => {
    const { id, secret } = await newToken();
    const principal = { id, kind: 'token', account_id, permission: 'read' };
    for (const authorization of [`Bearer ${secret}`, `bearer ${secret}`, `BEARER   ${secret}  `]) {
      expect(await authenticator.authenticate({ authorization })).toEqual(principal);
    }
    expect(await authenticator.verifyToken(await bearer(secret))).toEqual({ id, status: 'active' });
    expect(await authenticator.accounts(await bearer(secret))).toEqual([
      { id: account_id, name: 'first', created: 5n },
    ]);
  });

  test.each([
    {},
    { authorization: '' },
    { authorization: 'Bearer' },
    { authorization: 'Bearer ' },
    { authorization: `Basic ${btoa('a:b')}` },
    { authorization: 'Bearer no such token at all' },
    { auth_email: 'ann@example.com' },
    { auth_key: 'x' },
  ])('%o is nobody', async (credentials) => {
    expect(await outcome(authenticator.authenticate(credentials))).toBe('unauthorized');
  });

  test('a mistyped one is refused without asking the database', async () => {
    const { secret } = await newToken();
    const mistyped = `${secret.slice(0, -1)}${secret.endsWith('0') ? '1' : '0'}`;
    const unknown = makeSecret('et_', random);
    await db.close();
    expect(await outcome(bearer(mistyped))).toBe('unauthorized');
    expect(await outcome(bearer(unknown))).toBe('database_failed');
  });

  test('an expired one is told when, also out of the cache', async () => {
    const { secret, id } = await newToken(now + 2n * second);
    const principal = await bearer(secret);
    expect(await authenticator.verifyToken(principal)).toEqual({ id, status: 'active', expires_on: now + 2n * second });
    now += 2n * second - 1n;
    expect(await outcome(bearer(secret))).toBe('good');
    now += 1n;
    await expect(bearer(secret)).rejects.toThrow('This token expired at 2027-01-15T08:00:02.000000Z');
  });

  test('a revocation counts at once here, and within five seconds elsewhere', async () => {
    const [first, second_one] = [await newToken(), await newToken()];
    const elsewhere = createAuthenticator(db);
    const there = (): Promise<string> => outcome(elsewhere.authenticate({ authorization: `Bearer ${first.secret}` }));
    expect([await outcome(bearer(first.secret)), await there()]).toEqual(['good', 'good']);
    await db.transaction((tx) => revokeToken(tx, first.id, now));
    authenticator.forget();
    expect([await outcome(bearer(first.secret)), await there()]).toEqual(['unauthorized', 'good']);
    now += 5n * second - 1n;
    expect(await there()).toBe('good');
    now += 1n;
    expect(await there()).toBe('unauthorized');
    expect(await outcome(bearer(second_one.secret))).toBe('good');
  });

  test('a clock that is set back keeps no revoked token alive', async () => {
    const { id, secret } = await newToken();
    await bearer(secret);
    await db.transaction((tx) => revokeToken(tx, id, now));
    now -= 3600n * second;
    expect(await outcome(bearer(secret))).toBe('unauthorized');
  });

  test('what was being looked up when everything was to be forgotten is not remembered', async () => {
    const { id, secret } = await newToken();
    const asking = bearer(secret);
    authenticator.forget();
    expect(await outcome(asking)).toBe('good');
    await db.transaction((tx) => revokeToken(tx, id, now));
    expect(await outcome(bearer(secret))).toBe('unauthorized');
  });

  test('an unknown one is good as soon as it is made', async () => {
    const secret = makeSecret('et_', random);
    expect(await outcome(bearer(secret))).toBe('unauthorized');
    const source = [secret];
    // The same characters again: what makes the token is given the bytes that lead to them.
    const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
    const replay = (count: number): Uint8Array =>
      count === 40
        ? Uint8Array.from(source.pop()?.slice(3, -6) ?? '', (digit) => alphabet.indexOf(digit))
        : random(count);
    const made = await createToken(db, { account_id, name: 'again', permission: 'read' }, replay);
    expect(made.secret).toBe(secret);
    expect(await outcome(bearer(secret))).toBe('good');
  });

  test('one that the operator gave may look mistyped', async () => {
    const text = `et_${'a'.repeat(46)}`;
    authenticator.expect([secretHash(text)]);
    await db.close();
    // It got as far as the database.
    expect(await outcome(bearer(text))).toBe('database_failed');
  });
});

describe('users', () => {
  test('email and key together, the email in any case', async () => {
    const order = { account_id, email: 'Ann@Example.com', permission: 'write' } as const;
    const { user, key } = await createUser(db, order, random);
    const ask = (auth_email: string, auth_key: string): Promise<Principal> =>
      authenticator.authenticate({ auth_email, auth_key });
    const principal = { id: user.id, kind: 'user', account_id, permission: 'write' };
    expect(await ask('ann@example.com', key)).toEqual(principal);
    expect(await ask(' ANN@example.com ', ` ${key} `)).toEqual(principal);
    expect(await outcome(ask('bob@example.com', key))).toBe('unauthorized');
    expect(await outcome(ask('ann@example.com', makeSecret('ek_', random)))).toBe('unauthorized');
    expect(await outcome(ask('ann@example.com', `${key}x`))).toBe('unauthorized');
    await db.transaction((tx) => revokeUser(tx, user.id, now));
    now += 5n * second;
    expect(await outcome(ask('ann@example.com', key))).toBe('unauthorized');
  });

  test('the bearer wins where both came, good or bad', async () => {
    const { user, key } = await createUser(db, { account_id, email: 'a@b', permission: 'write' }, random);
    const { id, secret } = await newToken();
    const both = { auth_email: user.email, auth_key: key };
    expect((await authenticator.authenticate({ ...both, authorization: `Bearer ${secret}` })).id).toBe(id);
    expect(await outcome(authenticator.authenticate({ ...both, authorization: 'Bearer wrong' }))).toBe('unauthorized');
    expect((await authenticator.authenticate({ ...both, authorization: 'Basic xyz' })).id).toBe(user.id);
  });
});

describe('last use', () => {
  test('is written when it is asked for, at most once a minute', async () => {
    const { id, secret } = await newToken();
    const lastUsed = async (): Promise<bigint | undefined> => (await tokenById(db, id))?.last_used;
    const first = now;
    await bearer(secret);
    expect(await lastUsed()).toBeUndefined();
    await authenticator.flushUses();
    expect(await lastUsed()).toBe(first);
    now += 59n * second;
    await bearer(secret);
    await authenticator.flushUses();
    expect(await lastUsed()).toBe(first);
    now += 1n * second;
    await bearer(secret);
    await authenticator.flushUses();
    expect(await lastUsed()).toBe(now);
    const then = now;
    now += 3600n * second;
    await authenticator.flushUses();
    expect(await lastUsed()).toBe(then);
  });
});
