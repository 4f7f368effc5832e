import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import Cloudflare, { AuthenticationError, PermissionDeniedError } from 'cloudflare';
import { beforeAll, describe, expect, test } from 'vitest';
import { createToken } from '../../../src/control/accounts/manage_tokens.ts';
import { type ContractWorld, nobody } from './contract_world.ts';

/** Every route that needs credentials: method, path, what it needs, and what good credentials get there. */
const routes = [
  ['POST', '/pcaps', 'write', 400],
  ['POST', '/pcaps/estimate', 'write', 400],
  ['GET', '/pcaps', 'read', 200],
  ['GET', `/pcaps/${nobody}`, 'read', 404],
  ['PUT', `/pcaps/${nobody}/stop`, 'write', 404],
  ['GET', `/pcaps/${nobody}/download`, 'read', 404],
  ['HEAD', `/pcaps/${nobody}/download`, 'read', 404],
  ['GET', '/pcaps/ownership', 'read', 200],
  ['POST', '/pcaps/ownership', 'write', 400],
  ['POST', '/pcaps/ownership/validate', 'write', 400],
  ['DELETE', `/pcaps/ownership/${nobody}`, 'write', 404],
  ['GET', '/user/tokens/verify', 'read', 200],
  ['GET', '/accounts', 'read', 200],
] as const;

/** Who may do what: tokens, email and key, permissions. */
export function credentialsContract(world: () => ContractWorld): void {
  describe('credentials', () => {
    let reader = '';
    let user: { email: string; key: string };
    beforeAll(async () => {
      const { edgetap, token } = world();
      const email = 'ann@example.com';
      [reader, user] = await Promise.all([
        token('read'),
        edgetap('user', 'create', email, '--json').then((text) => ({
          email,
          key: (JSON.parse(text) as { key: string }).key,
        })),
      ]);
    });

    test.each(routes)('%s %s needs credentials, and the permission "%s"', async (method, path, needs, good) => {
      const { ask, served } = world();
      for (const as of [null, 'no-such-token-0123456789', { authorization: `Basic ${served.token}` }]) {
        const refused = await ask(method, path, { as });
        expect(refused.status).toBe(401);
        expect(refused.headers.get('x-should-retry')).toBe('false');
        expect(refused.headers.get('www-authenticate')).toMatch(/^Bearer /);
        if (method !== 'HEAD') expect(refused.errors).toEqual([[1000, undefined]]);
      }
      expect((await ask(method, path)).status).toBe(good);
      const read = await ask(method, path, { as: reader });
      expect(read.status).toBe(needs === 'read' ? good : 403);
      if (needs === 'write') expect(read.errors).toEqual([[1002, undefined]]);
    });

    test('email and key do what a token does; the email in any case, the key for no other email', async () => {
      const { ask } = world();
      const as = (email: string, key: string) => ({ 'x-auth-email': email, 'x-auth-key': key });
      for (const email of [user.email, 'Ann@Example.COM']) {
        expect((await ask('GET', '/pcaps', { as: as(email, user.key) })).status).toBe(200);
      }
      for (const bad of [as('bob@example.com', user.key), as(user.email, 'x'.repeat(49)), as(user.email, '')]) {
        expect((await ask('GET', '/pcaps', { as: bad })).status).toBe(401);
      }
      expect((await ask('GET', '/pcaps', { as: { 'x-auth-key': user.key } })).status).toBe(401);
    });

    test('the bearer wins where both come, for better or worse', async () => {
      const { ask, served } = world();
      const both = (token: string, key: string) => ({
        authorization: `Bearer ${token}`,
        'x-auth-email': user.email,
        'x-auth-key': key,
      });
      expect((await ask('GET', '/pcaps', { as: both(served.token, 'wrong') })).status).toBe(200);
      expect((await ask('GET', '/pcaps', { as: both('no-such-token-0123456789', user.key) })).status).toBe(401);
      // The token reads only, the user could write.
      expect((await ask('POST', '/pcaps', { as: both(reader, user.key) })).status).toBe(403);
    });

    test('the official SDK works with email and key, and with both', async () => {
      const { served } = world();
      const options = { baseURL: served.base_url, maxRetries: 0 };
      const account = { account_id: served.account_id };
      const byKey = new Cloudflare({ ...options, apiToken: null, apiEmail: user.email, apiKey: user.key });
      const spec = { type: 'simple', system: 'magic-transit', time_limit: 1, packet_limit: 1 } as const;
      const made = await byKey.magicTransit.pcaps.create({ ...account, ...spec });
      expect(await byKey.magicTransit.pcaps.get(made.id ?? '', account)).toMatchObject({ id: made.id, type: 'simple' });
      expect(await byKey.user.tokens.verify()).toMatchObject({ status: 'active' });
      const both = new Cloudflare({ ...options, apiToken: reader, apiEmail: user.email, apiKey: user.key });
      expect(await both.magicTransit.pcaps.get(made.id ?? '', account)).toMatchObject({ id: made.id });
      await expect(both.magicTransit.pcaps.create({ ...account, ...spec })).rejects.toBeInstanceOf(
        PermissionDeniedError,
      );
      const wrong = new Cloudflare({ ...options, apiToken: null, apiEmail: user.email, apiKey: 'wrong' });
      await expect(wrong.magicTransit.pcaps.get(nobody, account)).rejects.toBeInstanceOf(AuthenticationError);
    });

    test('a token ends at its moment, and says it before', async () => {
      const { ask, db, served } = world();
      let [secret, expires_ms] = ['', 0];
      // On a busy machine the moment may be over before it is asked: then of one that is farther away.
      for (let lasts_ms = 1000; expires_ms <= Date.now(); lasts_ms *= 2) {
        expires_ms = Date.now() + lasts_ms;
        const expires_at = BigInt(expires_ms) * 1_000_000n;
        const order = {
          account_id: served.account_id,
          name: `${lasts_ms} ms`,
          permission: 'read',
          expires_at,
        } as const;
        const made = await createToken(db, order, (count) => randomBytes(count));
        ({ secret } = made);
        const before = await ask('GET', '/user/tokens/verify', { as: secret });
        if (Date.now() >= expires_ms) continue;
        const expires_on = new Date(expires_ms).toISOString().replace('Z', '000Z');
        expect(before.body.result).toEqual({ id: made.token.id, status: 'active', expires_on });
        break;
      }
      await new Promise((resolve) => setTimeout(resolve, expires_ms + 5 - Date.now()));
      const after = await ask('GET', '/user/tokens/verify', { as: secret });
      expect([after.status, after.errors]).toEqual([401, [[1001, undefined]]]);
    });

    test('a token is made, listed and revoked by the command line; its text is nowhere in the data', async () => {
      const { ask, edgetap, served } = world();
      const made = await edgetap('token', 'create', '--name', 'cli', '--permission', 'write');
      expect(made).toMatch(/^et_[0-9A-Za-z]{46}$/);
      const verified = await ask('GET', '/user/tokens/verify', { as: made });
      const id = String(verified.body.result['id']);
      expect(verified.body.result).toEqual({ id, status: 'active' });
      const mistyped = `${made.slice(0, -1)}${made.endsWith('x') ? 'y' : 'x'}`;
      expect((await ask('GET', '/user/tokens/verify', { as: mistyped })).status).toBe(401);
      const listed = JSON.parse(await edgetap('token', 'list', '--json')) as { id: string; status: string }[];
      expect(listed.find((one) => one.id === id)).toMatchObject({ name: 'cli', permission: 'write', status: 'active' });
      for (const name of readdirSync(served.data_dir).filter((file) => file.startsWith('edgetap.sqlite'))) {
        const bytes = readFileSync(join(served.data_dir, name));
        for (const secret of [made, served.token, user.key]) expect(bytes.includes(secret), name).toBe(false);
      }
      await edgetap('token', 'revoke', id);
      await expect
        .poll(async () => (await ask('GET', '/user/tokens/verify', { as: made })).status, {
          interval: 500,
        })
        .toBe(401);
    });
  });
}
