import { randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { grantScope } from '../../../src/control/accounts/manage_accounts.ts';
import { parsePcap } from '../../support/packet_samples.ts';
import { runClean, scratchFolder } from '../../support/packet_tools.ts';
import { replayFrames } from '../../support/replay_frames.ts';
import { type Ask, type ContractWorld, nobody } from './contract_world.ts';
import { numbered, numberOf } from './frames.ts';

/** A simple capture's life, and downloading a result. */
export function simpleCapturesContract(world: () => ContractWorld): void {
  describe('a simple capture', () => {
    const scratch = scratchFolder();
    /** The source address of this group's packets: what other groups send is not looked at. */
    const filter_v1 = { source_address: '192.0.2.77' };
    const frames = [21, 22, 23, 24, 25].map((number) => numbered(number, { from: '192.0.2.77' }));
    let as = '';
    beforeAll(async () => {
      const { token, pair } = world();
      as = await token();
      replayFrames(pair.far, frames);
    });

    test('looks back at once: the newest packets, in ascending time', async () => {
      const { create, becomes, download, pair } = world();
      const { id, ...asked } = await create({ type: 'simple', time_limit: 300, packet_limit: 3, filter_v1 }, { as });
      // It has not sampled for five minutes yet, and of five packets that match the limit keeps out two.
      const done = await becomes(id, ['complete'], { as });
      const moment = expect.stringMatching(/^2\d{3}-.*Z$/) as string;
      expect(done).toEqual({
        ...asked,
        id,
        status: 'complete',
        error_message: expect.stringMatching(
          /^s1\/\S+: no samples from \S+ to \S+: before the oldest sample; there are samples from \S+ to \S+$/,
        ) as string,
        sample_rate: 1,
        packets_estimated: 5,
        truncated: true,
        oldest_packet: moment,
        packets_dropped: 0,
        sensors: [
          {
            name: 's1',
            interface: pair.near.name,
            colo: 'lab01',
            status: 'done',
            packets: 3,
            bytes: 3 * numbered(1).length,
            dropped: 0,
            sample_rate: 1,
            packets_estimated: 5,
            covered: 'part',
            samples_from: moment,
            samples_to: moment,
            missing: expect.stringMatching(/^no samples from /) as string,
            coverage: expect.stringMatching(/^no samples from /) as string,
          },
        ],
      });
      const { packets } = parsePcap(await download(id, { as }));
      expect(packets.map((packet) => numberOf(packet.data))).toEqual([23, 24, 25]);
      const times = packets.map((packet) => packet.time);
      expect(times).toEqual(times.toSorted((one, other) => Number(one - other)));
    });

    test.each(['pcap', 'pcapng'])('with nothing matched it is an empty, valid %s', async (format) => {
      const { create, becomes, download } = world();
      const filter = { filter_v1: { source_address: '192.0.2.78' }, format };
      const { id } = await create({ type: 'simple', time_limit: 1, packet_limit: 1, ...filter }, { as });
      expect(await becomes(id, ['success'], { as })).toMatchObject({ sensors: [{ packets: 0, bytes: 0 }] });
      const path = scratch(`none.${format}`, await download(id, { as }));
      expect(runClean('capinfos', ['-c', '-T', '-r', path])).toMatch(/\t0\s*$/);
    });

    test('not ready is 409, and soon ready', async () => {
      const { ask, create, becomes, withSensorFrozen } = world();
      const id = await withSensorFrozen(async () => {
        const made = await create({ type: 'simple', time_limit: 1, packet_limit: 1 }, { as });
        const early = await ask('GET', `/pcaps/${made.id}/download`, { as });
        expect([early.status, early.errors]).toEqual([409, [[1116, undefined]]]);
        expect(Number(early.headers.get('retry-after'))).toBeGreaterThan(0);
        expect(Number(early.headers.get('retry-after'))).toBeLessThanOrEqual(5);
        expect(early.headers.has('x-should-retry')).toBe(false);
        await new Promise((resolve) => setTimeout(resolve, 300));
        expect((await ask('GET', `/pcaps/${made.id}`, { as })).body.result['status']).toBe('pending');
        return made.id;
      });
      await becomes(id, ['success'], { as });
    });

    test('failed, its file is 404 with the reason', async () => {
      const { ask, create, becomes, edgetap, token, db } = world();
      const account = await edgetap('account', 'create', 'blind');
      const scope = { sensors: ['no-such-sensor'], networks: 'all' } as const;
      await grantScope(db, account, scope, (count) => randomBytes(count));
      const by: Ask = { account, as: await token('write', account) };
      const { id } = await create({ type: 'simple', time_limit: 1, packet_limit: 1 }, by);
      const failed = await becomes(id, ['failed'], by);
      expect(failed).toMatchObject({ error_message: 'no sensor has samples for this account' });
      const none = await ask('GET', `/pcaps/${id}/download`, by);
      expect([none.status, none.errors]).toEqual([404, [[1118, undefined]]]);
      expect(none.body.errors[0]?.message).toContain('no sensor has samples for this account');
      expect(none.headers.get('x-should-retry')).toBe('false');
    });

    describe('its file', () => {
      let path = '';
      let whole: Buffer;
      let etag = '';
      const get = async (headers: Readonly<Record<string, string>>, method = 'GET') =>
        await world().ask(method, path, { as, headers });
      beforeAll(async () => {
        const { create, becomes } = world();
        const { id } = await create({ type: 'simple', time_limit: 300, packet_limit: 5, filter_v1 }, { as });
        await becomes(id, ['complete'], { as });
        path = `/pcaps/${id}/download`;
        const { status, headers, bytes } = await get({ accept: 'application/vnd.tcpdump.pcap' });
        expect(status).toBe(200);
        expect(headers.get('content-type')).toBe('application/vnd.tcpdump.pcap');
        expect(headers.get('content-disposition')).toBe(`attachment; filename="pcap_${id}.pcap"`);
        expect(headers.get('cache-control')).toBe('no-store');
        expect(headers.get('accept-ranges')).toBe('bytes');
        expect(headers.get('content-length')).toBe(String(bytes.length));
        etag = headers.get('etag') ?? '';
        expect(etag).toMatch(/^"[^"]+"$/);
        whole = bytes;
        expect(parsePcap(whole).packets).toHaveLength(5);
      });

      test.each([
        ['bytes=0-23', 0, 24],
        ['bytes=24-', 24, undefined],
        ['bytes=-10', -10, undefined],
        ['bytes=30-999999', 30, undefined],
      ])('Range: %s', async (range, from, to) => {
        const expected = whole.subarray(from, to);
        for (const condition of [{}, { 'if-range': etag }]) {
          const { status, headers, bytes } = await get({ range, ...condition });
          expect([status, bytes.equals(expected)]).toEqual([206, true]);
          const start = from < 0 ? whole.length + from : from;
          expect(headers.get('content-range')).toBe(`bytes ${start}-${start + expected.length - 1}/${whole.length}`);
          expect(headers.get('etag')).toBe(etag);
        }
        // Another file than the one that was begun: the whole of this one.
        const other = await get({ range, 'if-range': '"another"' });
        expect([other.status, other.bytes.equals(whole)]).toEqual([200, true]);
      });

      test('a range outside it is 416, with its size', async () => {
        const outside = await get({ range: `bytes=${whole.length}-` });
        expect([outside.status, outside.errors]).toEqual([416, [[1120, undefined]]]);
        expect(outside.headers.get('content-range')).toBe(`bytes */${whole.length}`);
      });

      test('HEAD has its headers, If-None-Match its 304, If-Match its 412', async () => {
        const head = await get({}, 'HEAD');
        expect([head.status, head.bytes.length]).toEqual([200, 0]);
        expect(head.headers.get('content-length')).toBe(String(whole.length));
        expect(head.headers.get('etag')).toBe(etag);
        expect((await get({ 'if-none-match': etag })).status).toBe(304);
        expect((await get({ 'if-none-match': '"another"' })).status).toBe(200);
        expect((await get({ 'if-match': '"another"' })).errors).toEqual([[1019, undefined]]);
      });

      test('of no capture it is 404', async () => {
        expect((await world().ask('GET', `/pcaps/${nobody}/download`, { as })).status).toBe(404);
      });
    });
  });
}
