import { accountById } from '../../db/accounts.ts';
import type { Database } from '../../db/database.ts';
import { tokenByHash, touchTokens } from '../../db/tokens.ts';
import { userByKeyHash } from '../../db/users.ts';
import { raise } from '../../model/errors/fault.ts';
import type { Principal } from '../../model/principal.ts';
import { formatTime, type TimeNs } from '../../model/time.ts';
import type { AccountInfo, Credentials, TokenInfo } from '../control.ts';
import { isMistyped, secretHash } from './token_text.ts';

/** How long good credentials are believed without asking the database: how late another process's revocation may be seen. */
const cache_ns = 5_000_000_000n;
const cache_max = 10_000;

/** How often the last use of one token is written, at most. */
const touch_ns = 60_000_000_000n;

/** Finds out who asks. */
export interface Authenticator {
  /** @throws FaultError `unauthorized`, `token_expired` */
  authenticate(credentials: Credentials): Promise<Principal>;
  verifyToken(principal: Principal): Promise<TokenInfo>;
  accounts(principal: Principal): Promise<readonly AccountInfo[]>;
  /** Believes nothing any more that was looked up before: to be called after a revocation in this process. */
  forget(): void;
  /** Takes the hashes of tokens that the operator gave, which may look like some of ours that were mistyped. */
  expect(hashes: readonly string[]): void;
  /** Writes when tokens were last used, each at most once a minute: for a timer, and for the end. */
  flushUses(): Promise<void>;
}

/** Makes the authenticator over a database. */
export function createAuthenticator(db: Database): Authenticator {
  const believed = new Map<string, { readonly principal: Principal; readonly since: TimeNs }>();
  const expected = new Set<string>();
  const used = new Map<string, TimeNs>();
  const written = new Map<string, TimeNs>();
  let generation = 0;

  /** What `find` says of a secret, asked at most every five seconds. What is unknown is never remembered. */
  const cached = async (key: string, now: TimeNs, find: () => Promise<Principal>): Promise<Principal> => {
    const known = believed.get(key);
    // A clock that went back makes the entry old, not young for ever.
    if (known !== undefined && now >= known.since && now - known.since < cache_ns) return known.principal;
    const asked = generation;
    const principal = await find();
    if (asked === generation) {
      if (believed.size >= cache_max) believed.clear();
      believed.set(key, { principal, since: now });
    }
    return principal;
  };

  const byToken = async (text: string): Promise<Principal> => {
    const hash = secretHash(text);
    const now = db.clock.now();
    const principal = await cached(hash, now, async () => {
      if (isMistyped(text) && !expected.has(hash)) return raise('unauthorized');
      const token = await tokenByHash(db, hash);
      if (token === undefined || token.revoked_at !== undefined) return raise('unauthorized');
      const { id, account_id, permission, expires_at } = token;
      return { id, kind: 'token', account_id, permission, ...(expires_at === undefined ? {} : { expires_at }) };
    });
    if (principal.expires_at !== undefined && principal.expires_at <= now) {
      raise('token_expired', { at: formatTime(db.clock.toWall(principal.expires_at)) });
    }
    used.set(principal.id, now);
    return principal;
  };

  const byKey = async (email: string, key: string): Promise<Principal> => {
    if (isMistyped(key)) return raise('unauthorized');
    const [hash, address] = [secretHash(key), email.toLowerCase()];
    return await cached(`${hash} ${address}`, db.clock.now(), async () => {
      const user = await userByKeyHash(db, hash);
      if (user === undefined || user.revoked_at !== undefined || user.email !== address) return raise('unauthorized');
      return { id: user.id, kind: 'user', account_id: user.account_id, permission: user.permission };
    });
  };

  return {
    authenticate: async (credentials) => {
      const bearer = /^bearer +(.+)$/i.exec(credentials.authorization?.trim() ?? '')?.[1];
      if (bearer !== undefined) return await byToken(bearer);
      const { auth_email, auth_key } = credentials;
      if (auth_email !== undefined && auth_key !== undefined) return await byKey(auth_email.trim(), auth_key.trim());
      return raise('unauthorized');
    },
    verifyToken: async ({ id, expires_at }) => ({
      id,
      status: 'active',
      ...(expires_at === undefined ? {} : { expires_on: db.clock.toWall(expires_at) }),
    }),
    accounts: async ({ account_id }) => {
      const account = await accountById(db, account_id);
      return account === undefined ? [] : [{ id: account.id, name: account.name, created: account.created }];
    },
    forget: () => {
      generation += 1;
      believed.clear();
    },
    expect: (hashes) => {
      for (const hash of hashes) expected.add(hash);
    },
    flushUses: async () => {
      const due = new Map([...used].filter(([id, at]) => at - (written.get(id) ?? at - touch_ns) >= touch_ns));
      if (due.size === 0) return;
      for (const [id, at] of due) written.set(id, at);
      await db.transaction((tx) => touchTokens(tx, due));
      for (const [id, at] of due) if (used.get(id) === at) used.delete(id);
    },
  };
}
