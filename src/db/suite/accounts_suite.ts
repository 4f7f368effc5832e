import { describe, expect, test } from 'vitest';
import { accountById, insertAccount, listAccounts, lockAccount, updateScope } from '../accounts.ts';
import { insertAudit, listAudit, pruneAudit, countAudit } from '../audit.ts';
import type { Database } from '../database.ts';
import {
  insertOwnership,
  listOwnerships,
  ownershipByDestination,
  ownershipById,
  ownershipOf,
  type OwnershipRecord,
  removeOwnership,
  renewOwnership,
  replaceSealed,
  sealedOwnerships,
  validateOwnership,
} from '../ownerships.ts';
import { readSetting, writeSetting } from '../settings.ts';
import { insertToken, listTokens, revokeToken, tokenByHash, tokenById, touchTokens } from '../tokens.ts';
import { insertUser, listUsers, revokeUser, userByKeyHash, type UserRecord } from '../users.ts';
import { freshId, plainAccount } from './samples.ts';

/** Accounts, credentials, buckets, audit rows and settings. */
export function accountsSuite(database: () => Database): void {
  test('an account keeps its scope; an id is taken once', async () => {
    const db = database();
    const scope = { sensors: ['a', 'b'], networks: 'all' } as const;
    const account = { id: freshId(), name: 'Ännä', created: 2n ** 60n + 1n, scope };
    expect(await db.transaction((tx) => insertAccount(tx, account))).toBe(true);
    expect(await db.transaction((tx) => insertAccount(tx, { ...account, name: 'other' }))).toBe(false);
    expect(await accountById(db, account.id)).toEqual(account);
    const more = { sensors: 'all', networks: ['10.0.0.0/8'] } as const;
    expect(await db.transaction((tx) => updateScope(tx, account.id, more))).toBe(true);
    expect(await db.transaction((tx) => updateScope(tx, freshId(), more))).toBe(false);
    expect((await listAccounts(db)).filter((one) => one.id === account.id)).toEqual([{ ...account, scope: more }]);
    expect(await db.transaction((tx) => lockAccount(tx, account.id))).toBe(true);
    expect(await db.transaction((tx) => lockAccount(tx, freshId()))).toBe(false);
  });

  test('tokens: by hash, used, revoked once', async () => {
    const db = database();
    const { account_id } = await plainAccount(db);
    const token = { id: freshId(), account_id, name: 't', permission: 'read', created: 7n, expires_at: 9n } as const;
    const hash = freshId();
    expect(await db.transaction((tx) => insertToken(tx, token, hash))).toBe(true);
    expect(await db.transaction((tx) => insertToken(tx, { ...token, id: freshId() }, hash))).toBe(false);
    expect(await tokenByHash(db, hash)).toEqual(token);
    expect(await tokenByHash(db, token.id)).toBeUndefined();
    await db.transaction((tx) => touchTokens(tx, new Map([[token.id, 20n]])));
    await db.transaction((tx) => touchTokens(tx, new Map([[token.id, 19n]])));
    expect(await tokenById(db, token.id)).toEqual({ ...token, last_used: 20n });
    expect(await db.transaction((tx) => revokeToken(tx, token.id, 30n))).toBe(true);
    expect(await db.transaction((tx) => revokeToken(tx, token.id, 31n))).toBe(false);
    expect(await listTokens(db, account_id)).toEqual([{ ...token, last_used: 20n, revoked_at: 30n }]);
    expect((await listTokens(db)).map((one) => one.id)).toContain(token.id);
    expect(await listTokens(db, freshId())).toEqual([]);
  });

  test('users: one live key per email and account', async () => {
    const db = database();
    const { account_id } = await plainAccount(db);
    const other = await plainAccount(db);
    const user = { id: freshId(), account_id, email: 'ann@example.com', permission: 'write', created: 1n } as const;
    const hash = freshId();
    const insert = (one: UserRecord, key: string): Promise<boolean> => db.transaction((tx) => insertUser(tx, one, key));
    expect(await insert(user, hash)).toBe(true);
    expect(await insert({ ...user, id: freshId() }, freshId())).toBe(false);
    expect(await insert({ ...user, id: freshId(), account_id: other.account_id }, freshId())).toBe(true);
    expect(await userByKeyHash(db, hash)).toEqual(user);
    expect(await db.transaction((tx) => revokeUser(tx, user.id, 5n))).toEqual({ ...user, revoked_at: 5n });
    expect(await db.transaction((tx) => revokeUser(tx, user.id, 6n))).toBeUndefined();
    expect(await insert({ ...user, id: freshId(), created: 2n }, freshId())).toBe(true);
    expect((await listUsers(db, account_id)).map((one) => one.revoked_at)).toEqual([5n, undefined]);
  });

  describe('buckets', () => {
    const bucketOf = (account_id: string): OwnershipRecord => ({
      id: freshId(),
      account_id,
      destination_conf: 's3://bucket/dir',
      filename: 'f.txt',
      status: 'pending',
      submitted: 2n,
      challenge_digest: 'aa',
      sealed: '1.k.s',
    });

    test('an account has a destination once, until it is removed', async () => {
      const db = database();
      const { account_id, ownership_id } = await plainAccount(db);
      const bucket = bucketOf(account_id);
      const insert = (one: OwnershipRecord): Promise<boolean> => db.transaction((tx) => insertOwnership(tx, one));
      expect(await insert(bucket)).toBe(true);
      expect(await insert({ ...bucket, id: freshId() })).toBe(false);
      expect(await ownershipOf(db, account_id, bucket.id)).toEqual(bucket);
      expect(await ownershipOf(db, freshId(), bucket.id)).toBeUndefined();
      expect(await ownershipByDestination(db, account_id, bucket.destination_conf)).toEqual(bucket);
      expect((await listOwnerships(db, { account_id, page: 1, per_page: 9 })).ownerships.map((one) => one.id)).toEqual([
        bucket.id,
        ownership_id,
      ]);

      expect(await db.transaction((tx) => removeOwnership(tx, bucket.id, 9n))).toBe(true);
      expect(await db.transaction((tx) => removeOwnership(tx, bucket.id, 10n))).toBe(false);
      expect(await ownershipOf(db, account_id, bucket.id)).toBeUndefined();
      expect(await ownershipByDestination(db, account_id, bucket.destination_conf)).toBeUndefined();
      const { sealed: _gone, ...rest } = bucket;
      expect(await ownershipById(db, bucket.id)).toEqual({ ...rest, removed_at: 9n });
      expect(await insert({ ...bucket, id: freshId() })).toBe(true);
    });

    test('a proof counts for the challenge it was made for, once', async () => {
      const db = database();
      const { account_id } = await plainAccount(db);
      const bucket = bucketOf(account_id);
      await db.transaction((tx) => insertOwnership(tx, bucket));
      const validate = (digest: string): Promise<boolean> =>
        db.transaction((tx) => validateOwnership(tx, bucket.id, digest, 8n));
      const renewed = { ...bucket, challenge_digest: 'bb', sealed: '1.k.t', submitted: 5n };
      expect(await db.transaction((tx) => renewOwnership(tx, renewed))).toBe(true);
      expect(await validate('aa')).toBe(false);
      expect(await ownershipById(db, bucket.id)).toEqual(renewed);
      expect(await validate('bb')).toBe(true);
      expect(await validate('bb')).toBe(false);
      expect(await db.transaction((tx) => renewOwnership(tx, bucket))).toBe(false);
      expect(await ownershipById(db, bucket.id)).toEqual({ ...renewed, status: 'success', validated: 8n });
    });

    test('sealed credentials are replaced only where they are the same still', async () => {
      const db = database();
      const { account_id } = await plainAccount(db);
      const bucket = bucketOf(account_id);
      await db.transaction((tx) => insertOwnership(tx, bucket));
      const replace = (old: string, fresh: string): Promise<boolean> =>
        db.transaction((tx) => replaceSealed(tx, bucket.id, old, fresh));
      expect(await replace('1.k.other', '2')).toBe(false);
      expect(await replace('1.k.s', '2')).toBe(true);
      expect(await sealedOwnerships(db)).toContainEqual({ id: bucket.id, sealed: '2' });
    });
  });

  test('audit rows come newest first, of one account', async () => {
    const db = database();
    const account_id = freshId();
    const row = (at: bigint, id: string) => ({
      id,
      at,
      account_id,
      principal_id: 'p',
      action: 'token.create',
      subject: 's',
      detail: 'd',
      address: '::1',
    });
    const rows = [row(2n, freshId()), row(1n, freshId()), row(2n, freshId())] as const;
    await db.transaction(async (tx) => {
      for (const one of rows) await insertAudit(tx, one);
    });
    const once = (index: 0 | 1 | 2): unknown => ({ ...rows[index], times: 1n });
    expect(await listAudit(db, account_id, 10)).toEqual([once(2), once(0), once(1)]);
    expect(await listAudit(db, account_id, 1)).toEqual([once(2)]);
    await db.transaction(async (tx) => await countAudit(tx, rows[2].id, 6));
    expect(await db.transaction(async (tx) => await countAudit(tx, freshId(), 1))).toBe(false);
    expect(await listAudit(db, account_id, 1)).toEqual([{ ...rows[2], times: 7n }]);
    await expect(db.transaction((tx) => insertAudit(tx, rows[0]))).rejects.toThrow('The database failed');
    // The oldest go first, a few at a time.
    const prune = (before: bigint): Promise<number> => db.transaction(async (tx) => await pruneAudit(tx, before, 1));
    expect([await prune(2n), await prune(2n)]).toEqual([1, 0]);
    expect(await listAudit(db, account_id, 10)).toHaveLength(2);
  });

  test('settings are written over', async () => {
    const db = database();
    const key = freshId();
    expect(await readSetting(db, key)).toBeUndefined();
    await db.transaction((tx) => writeSetting(tx, key, 'one'));
    await db.transaction((tx) => writeSetting(tx, key, 'two'));
    expect(await readSetting(db, key)).toBe('two');
  });
}
