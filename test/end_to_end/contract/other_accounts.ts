import { beforeAll, describe, expect, test } from 'vitest';
import { type ContractWorld, nobody } from './contract_world.ts';

/** Another account's ids, on every route, are ids that do not exist. */
export function otherAccountsContract(world: () => ContractWorld): void {
  describe("another account's ids look exactly like ids that do not exist", () => {
    let other = { account: '', as: '' };
    let theirs = { capture: '', bucket: '', destination_conf: '' };
    beforeAll(async () => {
      const { edgetap, token, bucket, create, ask, becomes } = world();
      const account = await edgetap('account', 'create', 'others', '--sensors', 'all', '--networks', 'all');
      other = { account, as: await token('write', account) };
      const destination_conf = await bucket('theirs', other);
      const { id } = await create({ type: 'simple', time_limit: 1, packet_limit: 1 }, other);
      await becomes(id, ['success'], other);
      const { body } = await ask('GET', '/pcaps/ownership', other);
      theirs = { capture: id, bucket: (body.result as unknown as { id: string }[])[0]?.id ?? '', destination_conf };
    });

    const byId = [
      ['GET', (id: string) => `/pcaps/${id}`, 'capture'],
      ['PUT', (id: string) => `/pcaps/${id}/stop`, 'capture'],
      ['GET', (id: string) => `/pcaps/${id}/download`, 'capture'],
      ['HEAD', (id: string) => `/pcaps/${id}/download`, 'capture'],
      ['DELETE', (id: string) => `/pcaps/ownership/${id}`, 'bucket'],
    ] as const;

    test.each(byId)('%s by an id', async (method, path, what) => {
      const { ask } = world();
      const unknown = await ask(method, path(nobody));
      const foreign = await ask(method, path(theirs[what]));
      expect([foreign.status, foreign.bytes.toString()]).toEqual([404, unknown.bytes.toString()]);
      expect([...foreign.headers.keys()]).toEqual([...unknown.headers.keys()]);
      if (method !== 'HEAD') expect(foreign.errors).toEqual([[1003, undefined]]);
      // Nor is what is no id at all another thing.
      for (const odd of ['x', 'F'.repeat(32), `${nobody}0`, "'%20or%201=1"]) {
        expect((await ask(method, path(odd))).bytes.toString()).toBe(unknown.bytes.toString());
      }
    });

    test.each<readonly [string, string]>([
      ['GET', '/pcaps'],
      ['POST', '/pcaps'],
      ['POST', '/pcaps/estimate'],
      ['GET', '/pcaps/ownership'],
      ['POST', '/pcaps/ownership'],
      ['POST', '/pcaps/ownership/validate'],
      ...byId.map(([method, path]) => [method, path(nobody)] as const),
    ])('%s %s in another account', async (method, path) => {
      const { ask, token } = world();
      const as = await token('read');
      for (const by of [undefined, as]) {
        const about = by === undefined ? {} : { as: by };
        const unknown = await ask(method, path, { ...about, account: nobody });
        const foreign = await ask(method, path, { ...about, account: other.account });
        expect([foreign.status, foreign.bytes.toString()]).toEqual([404, unknown.bytes.toString()]);
        if (method !== 'HEAD') expect(foreign.errors).toEqual([[1015, undefined]]);
      }
    });

    test('their lists, buckets and destinations are not ours', async () => {
      const { ask, served } = world();
      const ours = await ask('GET', '/pcaps', { body: undefined });
      expect(ours.bytes.toString()).not.toContain(theirs.capture);
      expect((await ask('GET', '/pcaps/ownership')).bytes.toString()).not.toContain(theirs.destination_conf);
      const { destination_conf } = theirs;
      const full = { type: 'full', system: 'magic-transit', time_limit: 1, colo_name: 'lab01', destination_conf };
      expect((await ask('POST', '/pcaps', { body: full })).errors).toEqual([[1109, '/destination_conf']]);
      const unowned = await ask('POST', '/pcaps/ownership/validate', {
        body: { destination_conf, ownership_challenge: 'x' },
      });
      expect(unowned.errors).toEqual([[1109, '/destination_conf']]);
      expect((await ask('GET', '/accounts', other)).body.result).toMatchObject([{ id: other.account, name: 'others' }]);
      expect((await ask('GET', '/accounts')).body.result).toMatchObject([{ id: served.account_id }]);
    });
  });
}
