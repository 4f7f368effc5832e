import { beforeAll, describe, expect, test } from 'vitest';
import { listAudit } from '../../../src/db/audit.ts';
import { replayFrames } from '../../support/replay_frames.ts';
import { waitFor } from '../../support/wait_for.ts';
import type { Answered, Ask, ContractWorld } from './contract_world.ts';
import { numbered } from './frames.ts';
import { requireAsCovered } from '../../support/ends_as_covered.ts';

const moment = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;

/** What a capture would catch, without making it. */
export function estimatesContract(world: () => ContractWorld): void {
  describe('an estimate', () => {
    const filter_v1 = { source_address: '192.0.2.66' };
    const frames = Array.from({ length: 40 }, (_, number) =>
      numbered(number, { from: '192.0.2.66', to: number < 30 ? '198.51.100.1' : '198.51.100.2' }),
    );
    const frame_bytes = frames[0]?.length ?? 0;
    const full = { type: 'full', system: 'magic-transit', time_limit: 300, colo_name: 'LAB', filter_v1 };
    let simple: Readonly<Record<string, unknown>> = {
      type: 'simple',
      system: 'magic-transit',
      time_limit: 60,
      packet_limit: 10_000,
      filter_v1,
    };
    let as = '';
    beforeAll(async () => {
      const { ask, token, pair } = world();
      as = await token();
      replayFrames(pair.far, frames);
      // The same minute for all that follows, however long it takes; a text of milliseconds cuts the last one short.
      simple = { ...simple, offset_time: new Date(Date.now() + 2).toISOString() };
      await waitFor(async () => (await estimate(ask, simple)).body.result['packets'] === 40 || undefined, {
        what: 'the packets to be found',
      });
    });

    const estimate = async (ask: ContractWorld['ask'], body: unknown, about: Ask = {}): Promise<Answered> =>
      await ask('POST', '/pcaps/estimate', { as, ...about, body });

    test('of a simple capture: every field, and no other', async () => {
      const { ask, pair } = world();
      const { status, body } = await estimate(ask, { ...simple, packet_limit: 10 });
      expect(status).toBe(200);
      // Whether it has sampled for so long yet is a matter of the tests before this one.
      const told = JSON.stringify(body).replace(/,"coverage":"no samples from [^"]+"/, '');
      const counts = { packets_estimated: 40, bytes_estimated: 40 * frame_bytes };
      expect(JSON.parse(told)).toEqual({
        success: true,
        errors: [],
        messages: [],
        result: {
          type: 'simple',
          time_limit: 60,
          observed_from: expect.stringMatching(moment) as string,
          observed_to: expect.stringMatching(moment) as string,
          packets: 10,
          bytes: 10 * frame_bytes,
          ...counts,
          time_to_packet_limit: expect.any(Number) as number,
          sample_rate: 1,
          sensors: [
            {
              name: 's1',
              interface: pair.near.name,
              colo: 'lab01',
              status: 'done',
              packets: 40,
              bytes: 40 * frame_bytes,
              ...counts,
              dropped: 0,
              sample_rate: 1,
            },
          ],
          talkers: [
            {
              source: '192.0.2.66',
              destination: '198.51.100.1',
              packets_estimated: 30,
              bytes_estimated: 30 * frame_bytes,
            },
            {
              source: '192.0.2.66',
              destination: '198.51.100.2',
              packets_estimated: 10,
              bytes_estimated: 10 * frame_bytes,
            },
          ],
        },
      });
      const { observed_from, observed_to, time_to_packet_limit } = body.result;
      expect(Date.parse(String(observed_to)) - Date.parse(String(observed_from))).toBe(60_000);
      expect(time_to_packet_limit).toBeLessThanOrEqual(60);
    });

    test('of a full one needs no bucket; it says when the limits would end it', async () => {
      const { ask, bucket } = world();
      const { status, body } = await estimate(ask, full);
      expect(status).toBe(200);
      const whole = Number(body.result['packets']);
      // Where not all of the observed time is covered, forty packets of less are more in the whole.
      expect(whole).toBeGreaterThanOrEqual(40);
      expect(body.result).toMatchObject({ type: 'full', packets_estimated: whole });
      // Each is rounded by itself.
      expect(Math.abs(Number(body.result['bytes']) - whole * frame_bytes)).toBeLessThanOrEqual(frame_bytes);
      expect(body.result).not.toHaveProperty('time_to_packet_limit');
      const destination_conf = await bucket('estimated', { as });
      const limited = { ...full, destination_conf, time_limit: 600, packet_limit: 20, byte_limit: 10 * frame_bytes };
      const { result } = (await estimate(ask, limited)).body;
      expect(result).toMatchObject({ packets: 10, bytes: 10 * frame_bytes });
      const [by_packets, by_bytes] = [result['time_to_packet_limit'], result['time_to_byte_limit']].map(Number);
      expect((by_packets ?? 0) / (by_bytes ?? 0)).toBeCloseTo(2, 1);
    });

    test('counts what the capture then has', async () => {
      const { ask, create, becomes } = world();
      const { result } = (await estimate(ask, simple)).body;
      const made = await becomes((await create(simple, { as })).id, ['success', 'complete'], { as });
      requireAsCovered(made);
      expect(made['sensors']).toMatchObject([{ packets: result['packets'], bytes: result['bytes'] }]);
    });

    test('with nothing matched is zero where all was seen, and has no talkers', async () => {
      const { ask } = world();
      const { result } = (await estimate(ask, { ...simple, filter_v1: { source_address: '192.0.2.67' } })).body;
      expect(result).toMatchObject({ packets: 0, bytes: 0, packets_estimated: 0, bytes_estimated: 0, talkers: [] });
    });

    test('uses no rate of creates up, makes no capture and no audit row', async () => {
      const { ask, db, edgetap, token } = world();
      const account = await edgetap('account', 'create', 'asker', '--sensors', 'all', '--networks', 'all');
      const about = { account, as: await token('write', account) };
      const before = await listAudit(db, account, 10);
      for (let times = 0; times < 30; times++) {
        const { status, headers } = await estimate(ask, simple, about);
        expect([status, headers.has('ratelimit')]).toEqual([200, false]);
      }
      expect((await ask('GET', '/pcaps', about)).body.result).toEqual([]);
      expect(await listAudit(db, account, 10)).toEqual(before);
      const made = await ask('POST', '/pcaps', { ...about, body: simple });
      expect(made.headers.get('ratelimit')).toContain('r=24;');
    });

    test("sees an account's scope, and no more", async () => {
      const { ask, edgetap, token } = world();
      const account = await edgetap('account', 'create', 'tenth', '--sensors', 'all', '--networks', '198.51.100.2/32');
      const about = { account, as: await token('write', account) };
      for (const filter of [{ filter_v1 }, { filter_v1, filter_expression: 'host 198.51.100.1 or not tcp' }]) {
        const { result } = (await estimate(ask, { ...simple, ...filter }, about)).body;
        expect(result).toMatchObject({ packets: 10, packets_estimated: 10 });
        expect(result['talkers']).toMatchObject([{ source: '192.0.2.66', destination: '198.51.100.2' }]);
      }
      const other = { ...simple, filter_expression: 'tcp' };
      expect((await estimate(ask, other, about)).body.result).toMatchObject({ packets: 0, talkers: [] });
      await edgetap('account', 'grant', account, '--sensors', 'elsewhere');
      expect((await estimate(ask, full, about)).errors).toEqual([[1108, '/colo_name']]);
      const nothing = (await estimate(ask, simple, about)).body.result;
      expect(nothing).toMatchObject({
        sensors: [],
        talkers: [],
        error_message: 'no sensor has samples for this account',
      });
      expect(nothing).not.toHaveProperty('packets');
      await edgetap('account', 'grant', account, '--sensors', 'none');
      expect(await estimate(ask, simple, about)).toMatchObject({ status: 403, errors: [[1115, undefined]] });
    });

    test('refuses what a create refuses, word for word', async () => {
      const { ask } = world();
      const bad = {
        ...full,
        type: 'full',
        time_limit: 0,
        colo_name: 'xyz99',
        filter_v1: { source_port: 70_000 },
        filter_expression: 'tcp) or (udp',
        destination_conf: 'file:///nobody',
        oops: 1,
      };
      const refused = await estimate(ask, bad);
      const create = await ask('POST', '/pcaps', { as, body: bad });
      expect(refused.status).toBe(400);
      expect(refused.errors).toHaveLength(6);
      expect(refused.bytes.toString()).toBe(create.bytes.toString());
    });

    test('a sensor that does not answer is told of, and its figures are left out', async () => {
      const { ask, withSensorFrozen } = world();
      const { status, body } = await withSensorFrozen(async () => await estimate(ask, simple));
      expect(status).toBe(200);
      expect(body.result).toMatchObject({
        sensors: [{ name: 's1', status: 'no_answer', error: 's1 did not answer within 10000 ms.' }],
        error_message: expect.stringContaining('s1 did not answer') as string,
        talkers: [],
      });
      for (const name of ['packets', 'bytes', 'packets_estimated', 'bytes_estimated', 'sample_rate']) {
        expect(body.result).not.toHaveProperty(name);
      }
      await waitFor(async () => (await estimate(ask, simple)).body.result['packets'] !== undefined || undefined, {
        what: 'the sensor to answer again',
      });
    });
  });
}
