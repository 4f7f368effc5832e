import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import Cloudflare from 'cloudflare';
import { beforeAll, describe, expect, test } from 'vitest';
import { allowed, type Answered, type ContractWorld } from './contract_world.ts';

/** What a proxy passes on. */
const sent = new Set(['authorization', 'content-type', 'accept', 'x-stainless-retry-count', 'idempotency-key']);

/** Creates that are sent again, and creates that are too many. */
export function repeatsContract(world: () => ContractWorld): void {
  const simple = { type: 'simple', system: 'magic-transit', time_limit: 1, packet_limit: 1 };
  const idOf = (answered: Answered): string => {
    expect(answered.errors).toEqual([]);
    return String(answered.body.result['id']);
  };
  const again = (count: number) => ({ 'x-stainless-retry-count': String(count) });

  describe('a create that is sent again', () => {
    let as = '';
    const create = async (body: object, headers: Readonly<Record<string, string>> = {}, by = as): Promise<Answered> =>
      await world().ask('POST', '/pcaps', { body, headers, as: by });
    beforeAll(async () => {
      as = await world().token();
    });

    test('by the SDK is the capture that it made, and uses nothing of its rate', async () => {
      const first = await create(simple, again(0));
      const id = idOf(first);
      for (const count of [1, 2]) {
        const repeated = await create(simple, again(count));
        expect(idOf(repeated)).toBe(id);
        expect(remaining(repeated)).toBe(remaining(first));
      }
      // Without the mark it is another one, and from then on the one that is repeated.
      const second = idOf(await create(simple));
      expect(second).not.toBe(id);
      expect(idOf(await create(simple, again(1)))).toBe(second);
      // The order of fields is nothing; another body, or somebody else, is something.
      const { type, ...rest } = simple;
      expect(idOf(await create({ ...rest, type }, again(1)))).toBe(second);
      expect(idOf(await create({ ...simple, packet_limit: 2 }, again(1)))).not.toBe(second);
      expect(idOf(await create(simple, again(1), await world().token()))).not.toBe(second);
    });

    test('by the official SDK, after a cut connection, makes one capture', async () => {
      const { ask, served, token } = world();
      const apiToken = await token();
      let cut = 0;
      const pass = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
        const headers = Object.entries(request.headers).filter(([name]) => sent.has(name));
        const upstream = await fetch(`${served.url}${request.url}`, {
          method: request.method ?? '',
          headers: Object.fromEntries(headers) as Record<string, string>,
          body: await text(request),
        });
        const answer = await upstream.text();
        cut += 1;
        // It was made, and the client never hears of it: twice.
        if (cut <= 2) response.destroy();
        else response.writeHead(upstream.status, { 'content-type': 'application/json' }).end(answer);
      };
      const cutter = createServer((request, response) => void pass(request, response));
      await once(cutter.listen(0, '127.0.0.1'), 'listening');
      const { port } = cutter.address() as AddressInfo;
      const client = new Cloudflare({ apiToken, baseURL: `http://127.0.0.1:${port}/client/v4` });
      const body = { type: 'simple', system: 'magic-transit', time_limit: 3, packet_limit: 7 } as const;
      const made = await client.magicTransit.pcaps.create({ account_id: served.account_id, ...body });
      cutter.close();
      expect(cut).toBe(3);
      const { result } = (await ask('GET', '/pcaps')).body;
      const alike = (result as unknown as { id: string; packet_limit: number }[]).filter(
        (one) => one.packet_limit === 7,
      );
      expect(alike.map((one) => one.id)).toEqual([made.id]);
    });

    test('with a key is the capture of the key; with another body it is refused', async () => {
      const by = await world().token();
      const key = (text: string) => ({ 'idempotency-key': text });
      const id = idOf(await create(simple, key('one'), by));
      expect(idOf(await create(simple, key('one'), by))).toBe(id);
      // At the same moment, too.
      const crowd = await Promise.all([1, 2, 3, 4].map(async () => await create(simple, key('crowd'), by)));
      expect(new Set(crowd.map(idOf)).size).toBe(1);
      expect(idOf(await create(simple, { ...key('one'), ...again(2) }, by))).toBe(id);
      expect(idOf(await create(simple, key('two'), by))).not.toBe(id);
      expect(idOf(await create(simple, key('one'), await world().token()))).not.toBe(id);
      const other = await create({ ...simple, packet_limit: 2 }, key('one'), by);
      expect([other.status, other.errors]).toEqual([422, [[1011, undefined]]]);
      expect(other.headers.get('x-should-retry')).toBe('false');
      // Also with a body that would be refused by itself.
      expect((await create({ type: 'x' }, key('one'), by)).errors).toEqual([[1011, undefined]]);
      for (const bad of ['', 'ü', 'x'.repeat(256)]) {
        const refused = await create(simple, key(Buffer.from(bad).toString('latin1')), by);
        expect([refused.status, refused.errors]).toEqual([400, [[1020, undefined]]]);
      }
    });

    test('is that capture also where the world has changed since', async () => {
      const { ask, bucket, becomes } = world();
      const destination_conf = await bucket('gone');
      const full = { type: 'full', system: 'magic-transit', time_limit: 60, colo_name: 'lab01', destination_conf };
      const id = idOf(await create(full));
      await ask('PUT', `/pcaps/${id}/stop`, { as });
      await becomes(id, ['success'], { as });
      const buckets = (await ask('GET', '/pcaps/ownership')).body.result as unknown as {
        id: string;
        destination_conf: string;
      }[];
      const gone = buckets.find((one) => one.destination_conf === destination_conf)?.id ?? '';
      expect((await ask('DELETE', `/pcaps/ownership/${gone}`)).status).toBe(204);
      const repeated = await create(full, again(1));
      expect(idOf(repeated)).toBe(id);
      expect(repeated.body.result['status']).toBe('success');
      expect((await create(full)).errors).toEqual([[1109, '/destination_conf']]);
    });
  });

  describe('a create too many', () => {
    const quota = String(allowed.creates_per_minute);

    test('a minute: 429, what is left, and when to come back', async () => {
      const { ask, token } = world();
      const as = await token();
      for (let left = allowed.creates_per_minute - 1; left >= 0; left -= 1) {
        const made = await ask('POST', '/pcaps', { body: simple, as });
        expect(made.status).toBe(200);
        expect(made.headers.get('ratelimit-policy')).toBe(`"create";q=${quota};w=60`);
        expect(made.headers.get('ratelimit')).toMatch(new RegExp(`^"create";r=${left};t=(60|[1-5]?\\d)$`));
        expect(made.headers.has('retry-after')).toBe(false);
      }
      const refused = await ask('POST', '/pcaps', { body: simple, as });
      expect([refused.status, refused.errors]).toEqual([429, [[1009, undefined]]]);
      expect(refused.headers.get('ratelimit')).toMatch(/^"create";r=0;t=(60|[1-5]?\d)$/);
      expect(refused.headers.get('ratelimit-policy')).toBe(`"create";q=${quota};w=60`);
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
      expect(Number(refused.headers.get('retry-after'))).toBeLessThanOrEqual(5);
      expect(refused.headers.has('x-should-retry')).toBe(false);
      // It was not made, so that its repetition is not the one before it.
      expect((await ask('POST', '/pcaps', { body: simple, as, headers: again(1) })).status).toBe(429);
      // Others of the account have their own.
      expect((await ask('POST', '/pcaps', { body: simple, as: await token() })).status).toBe(200);
    });

    test('at one time: 429, and no use to come back by itself; what was refused creates later', async () => {
      const { ask, token, bucket, becomes } = world();
      const as = await token();
      const destination_conf = await bucket('many');
      const full = { type: 'full', system: 'magic-transit', time_limit: 60, colo_name: 'lab01', destination_conf };
      // All at the same moment: the limit holds exactly.
      const crowd = Array.from({ length: allowed.running_max + 3 });
      const all = await Promise.all(crowd.map(async () => await ask('POST', '/pcaps', { body: full, as })));
      const ids = all.filter(({ status }) => status === 200).map(idOf);
      expect([ids.length, all.filter(({ status }) => status === 429).length]).toEqual([allowed.running_max, 3]);
      const refused = await ask('POST', '/pcaps', { body: full, as });
      expect([refused.status, refused.errors]).toEqual([429, [[1010, undefined]]]);
      expect(refused.headers.get('x-should-retry')).toBe('false');
      expect(refused.headers.has('retry-after')).toBe(false);
      expect(refused.headers.get('ratelimit-policy')).toBe(`"create";q=${quota};w=60`);
      // Simple ones are not counted, nor are others'.
      expect((await ask('POST', '/pcaps', { body: simple, as })).status).toBe(200);
      const other = await token();
      ids.push(idOf(await ask('POST', '/pcaps', { body: full, as: other })));
      expect((await ask('PUT', `/pcaps/${ids[0]}/stop`, { as })).status).toBe(204);
      await becomes(ids[0] ?? '', ['success'], { as });
      const later = idOf(await ask('POST', '/pcaps', { body: full, as, headers: again(1) }));
      expect(ids).not.toContain(later);
      for (const id of [...ids, later]) await ask('PUT', `/pcaps/${id}/stop`, { as });
    });
  });
}

function remaining({ headers }: Answered): string | undefined {
  return /r=(\d+)/.exec(headers.get('ratelimit') ?? '')?.[1];
}
