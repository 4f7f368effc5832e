import { beforeAll, describe, expect, test } from 'vitest';
import { allowed, type ContractWorld } from './contract_world.ts';

const moment = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;
const id = /^[0-9a-f]{32}$/;
/** A moment so many seconds from now. */
const inSeconds = (seconds: number): string => new Date(Date.now() + seconds * 1000).toISOString();

type Change = Readonly<Record<string, unknown>>;

/** Changes to a good simple request that leave it good; test/bad_requests has what is refused. */
const goodSimple: readonly (readonly [string, Change])[] = [
  ['time_limit of 1 and packet_limit of 1', { time_limit: 1, packet_limit: 1 }],
  ['time_limit of 300 and packet_limit of 10000', { time_limit: 300, packet_limit: 10_000 }],
  ['IPv6 and CIDR', { filter_v1: { source_address: '2001:db8::/32', destination_address: '2001:db8::1' } }],
  ['CIDR with ports', { filter_v1: { source_address: '10.0.0.0/8', source_port: 0, destination_port: 65_535 } }],
  ['protocols from 0 to 255', { filter_v1: { protocol: 255 } }],
  ['an empty filter_v1', { filter_v1: {} }],
  ['4 KiB of expression', { filter_expression: `tcp${' '.repeat(4093)}` }],
  ['null for what is optional', { filter_v1: null, filter_expression: null, offset_time: null, format: null }],
  ['"" for what is optional', { filter_v1: '', filter_expression: '', offset_time: '', format: '' }],
  ['the same within filter_v1', { filter_v1: { source_address: '', protocol: null, destination_port: '' } }],
];

/** The same for a full one. */
const goodFull: readonly (readonly [string, Change])[] = [
  ['nothing optional', {}],
  ['time_limit of 1', { time_limit: 1 }],
  ['the highest limits', { packet_limit: allowed.packets_max, byte_limit: 1_000_000_000 }],
  ['the lowest limits', { packet_limit: 1, byte_limit: 1 }],
  ['null and "" for what is optional', { packet_limit: '', byte_limit: null, filter_v1: null, format: '', colo: '' }],
  ['the site in another case', { colo_name: 'LaB01' }],
  ['the site by its letters', { colo_name: 'LAB' }],
];

/** What is refused under this operator's own ceiling, or though it reads like absent. */
const refused: readonly (readonly [string, Change, number, string])[] = [
  ['time_limit is required: null', { time_limit: null }, 1100, '/time_limit'],
  ['packet_limit is required of a simple one: ""', { packet_limit: '' }, 1100, '/packet_limit'],
  ["packet_limit to 10000, though the operator's ceiling is higher", { packet_limit: 10_001 }, 1103, '/packet_limit'],
  [
    "a full one's packet_limit to the operator's ceiling",
    { type: 'full', packet_limit: allowed.packets_max + 1, colo_name: 'lab01', destination_conf: 'file:///x' },
    1103,
    '/packet_limit',
  ],
];

/** What POST /pcaps takes and refuses, field by field, and what it answers. */
export function requestsContract(world: () => ContractWorld): void {
  describe('what a capture is created from', () => {
    let destination_conf = '';
    const simple = { type: 'simple', system: 'magic-transit', time_limit: 60, packet_limit: 10 };
    const full = (): Change => ({
      type: 'full',
      system: 'magic-transit',
      time_limit: 86_400,
      colo_name: 'lab01',
      destination_conf,
    });
    beforeAll(async () => {
      destination_conf = await world().bucket('requests');
    });

    test.each(goodSimple)('simple: %s', async (_name, change) => {
      const { ask, token } = world();
      const { status, errors, body } = await ask('POST', '/pcaps', {
        body: { ...simple, ...change },
        as: await token(),
      });
      expect([status, errors]).toEqual([200, []]);
      // Neither null nor "" comes back.
      for (const value of Object.values({ ...body.result, ...(body.result['filter_v1'] as object) })) {
        expect(['', null]).not.toContain(value);
      }
    });

    test.each(goodFull)('full: %s', async (_name, change) => {
      const { ask, token, becomes } = world();
      const as = await token();
      const { status, errors, body } = await ask('POST', '/pcaps', { body: { ...full(), ...change }, as });
      expect([status, errors]).toEqual([200, []]);
      const made = body.result;
      for (const [name, value] of Object.entries({ ...full(), ...change })) {
        if (value === '' || value === null) expect(made).not.toHaveProperty(name, value);
        else expect(made[name]).toBe(value);
      }
      await ask('PUT', `/pcaps/${String(made['id'])}/stop`, { as });
      await becomes(String(made['id']), ['success'], { as });
    });

    test.each(refused)('refused: %s', async (_name, change, code, pointer) => {
      const { status, errors } = await world().ask('POST', '/pcaps', { body: { ...simple, ...change } });
      expect(status).toBe(400);
      expect(errors).toContainEqual([code, pointer]);
    });

    test('offset_time: within 24 hours, up to 5 s ahead as now, now by default', async () => {
      const { ask, token } = world();
      const as = await token();
      const ofTime = async (offset_time: string | undefined) =>
        await ask('POST', '/pcaps', { body: { ...simple, offset_time }, as });
      for (const given of [undefined, inSeconds(4)]) {
        const { result } = (await ofTime(given)).body;
        expect(result['offset_time']).toBe(result['submitted']);
      }
      const back = inSeconds(-86_395);
      expect((await ofTime(back)).body.result['offset_time']).toBe(back.replace('Z', '000Z'));
      expect((await ofTime('2026-01-01T08:00:00+01:00')).errors).toEqual([[1111, '/offset_time']]);
      expect((await ofTime(inSeconds(-86_402))).errors).toEqual([[1111, '/offset_time']]);
      expect((await ofTime(inSeconds(7))).errors).toEqual([[1112, '/offset_time']]);
      const zoned = new Date(Date.now() - 3_600_000 - 10_000).toISOString().replace(/\.\d+Z$/, '.123456789-01:00');
      expect((await ofTime(zoned)).errors).toEqual([]);
    });

    test('a simple one as it is created: every field, and no other', async () => {
      const { ask, token } = world();
      const filter_v1 = { source_address: '192.0.2.1', destination_port: 53, protocol: 17 };
      const ours = { filter_expression: 'udp', format: 'pcapng', match_inner: true };
      const { body } = await ask('POST', '/pcaps', { body: { ...simple, filter_v1, ...ours }, as: await token() });
      expect(body).toEqual({
        success: true,
        errors: [],
        messages: [],
        result: {
          id: expect.stringMatching(id) as string,
          ...simple,
          status: 'pending',
          submitted: expect.stringMatching(moment) as string,
          offset_time: expect.stringMatching(moment) as string,
          filter_v1,
          ...ours,
        },
      });
    });

    test('a full one as it is created; its bucket may be spelled another way', async () => {
      const { ask, token, pair } = world();
      const as = await token();
      const spelled = `FILE://${destination_conf.slice('file://'.length)}/`;
      const { body } = await ask('POST', '/pcaps', { body: { ...full(), destination_conf: spelled }, as });
      expect(body.result).toEqual({
        ...full(),
        id: expect.stringMatching(id) as string,
        status: 'pending',
        submitted: expect.stringMatching(moment) as string,
        filter_v1: {},
        format: 'pcap',
        sensors: [{ name: 's1', interface: pair.near.name, colo: 'lab01', status: 'pending' }],
      });
      await ask('PUT', `/pcaps/${String(body.result['id'])}/stop`, { as });
    });

    test('colo is colo_name by its older name', async () => {
      const { ask, token } = world();
      const as = await token();
      const { result } = (await ask('POST', '/pcaps', { body: { ...full(), colo_name: null, colo: 'Lab01' }, as }))
        .body;
      expect(result['colo_name']).toBe('Lab01');
      expect(result).not.toHaveProperty('colo');
      await ask('PUT', `/pcaps/${String(result['id'])}/stop`, { as });
    });
  });
}
