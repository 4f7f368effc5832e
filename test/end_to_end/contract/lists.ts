import { beforeAll, describe, expect, test } from 'vitest';
import type { Envelope } from '../../support/serve.ts';
import type { ContractWorld } from './contract_world.ts';

type List = Envelope & { readonly result_info: Readonly<Record<string, number>> };

/** GET /pcaps: the newest, 50 at most, by page, status and type. */
export function listsContract(world: () => ContractWorld): void {
  describe('a list of captures', () => {
    /** In the order of their making. */
    const made: string[] = [];
    let about = { account: '', as: '' };
    const list = async (query = ''): Promise<{ ids: string[]; info: List['result_info'] }> => {
      const { status, body } = await world().ask('GET', `/pcaps${query}`, about);
      expect(status).toBe(200);
      const { result, result_info } = body as List;
      return { ids: (result as unknown as { id: string }[]).map((one) => one.id), info: result_info };
    };
    beforeAll(async () => {
      const { edgetap, token, bucket, create, becomes } = world();
      const account = await edgetap('account', 'create', 'lists', '--sensors', 'all', '--networks', 'all');
      about = { account, as: await token('write', account) };
      const destination_conf = await bucket('lists', about);
      const full = { type: 'full', time_limit: 60, colo_name: 'lab01', destination_conf };
      made.push((await create(full, about)).id);
      // More than one token may ask for in a minute, and more than one page holds.
      const tokens = await Promise.all(Array.from({ length: 4 }, async () => await token('write', account)));
      for (let count = 0; count < 52; count += 1) {
        const as = tokens[count % tokens.length] ?? '';
        made.push((await create({ type: 'simple', time_limit: 1, packet_limit: 1 }, { ...about, as })).id);
      }
      await Promise.all(made.slice(1).map(async (id) => await becomes(id, ['success'], about)));
    });

    test('has the newest 50, newest first, and says how many there are', async () => {
      const { ids, info } = await list();
      expect(ids).toEqual(made.toReversed().slice(0, 50));
      expect(info).toEqual({ page: 1, per_page: 50, count: 50, total_count: 53, total_pages: 2 });
    });

    test('goes on by page and per_page, beyond the end with nothing', async () => {
      const second = await list('?page=2');
      expect(second.ids).toEqual(made.toReversed().slice(50));
      expect(second.info).toEqual({ page: 2, per_page: 50, count: 3, total_count: 53, total_pages: 2 });
      const middle = await list('?page=3&per_page=10');
      expect(middle.ids).toEqual(made.toReversed().slice(20, 30));
      expect(middle.info).toEqual({ page: 3, per_page: 10, count: 10, total_count: 53, total_pages: 6 });
      const beyond = await list('?page=9');
      expect(beyond.ids).toEqual([]);
      expect(beyond.info).toEqual({ page: 9, per_page: 50, count: 0, total_count: 53, total_pages: 2 });
    });

    test('by type and status; what runs is in it too', async () => {
      const { ask, becomes } = world();
      const [full = ''] = made;
      expect((await list('?type=full')).ids).toEqual([full]);
      await becomes(full, ['running'], about);
      expect((await list('?status=running')).ids).toEqual([full]);
      expect((await list('?status=success')).info['total_count']).toBe(52);
      expect((await list('?status=success&type=full')).ids).toEqual([]);
      expect((await list('?status=&type=&page=&per_page=')).info['total_count']).toBe(53);
      const [first] = (await ask('GET', '/pcaps?type=full', about)).body.result as unknown as object[];
      expect(first).toEqual((await ask('GET', `/pcaps/${full}`, about)).body.result);
      await ask('PUT', `/pcaps/${full}/stop`, about);
    });

    test('what is no page, status or type is refused, all at once', async () => {
      const { status, errors } = await world().ask('GET', '/pcaps?page=0&per_page=51&status=done&type=x', about);
      expect(status).toBe(400);
      expect(errors).toEqual(['/page', '/per_page', '/status', '/type'].map((pointer) => [1107, pointer]));
    });
  });
}
