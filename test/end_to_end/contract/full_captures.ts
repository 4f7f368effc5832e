import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { parsePcap } from '../../support/packet_samples.ts';
import { replayFrames } from '../../support/replay_frames.ts';
import { waitFor } from '../../support/wait_for.ts';
import { runClean, scratchFolder } from '../../support/packet_tools.ts';
import { type ContractWorld, nobody } from './contract_world.ts';
import { numbered, numberOf } from './frames.ts';

/** A full capture's life: statuses, counts, stop, delivery, download. */
export function fullCapturesContract(world: () => ContractWorld): void {
  describe('a full capture', () => {
    const scratch = scratchFolder();
    let destination_conf = '';
    let as = '';
    const full = () => ({ type: 'full', time_limit: 3600, colo_name: 'lab01', destination_conf });
    beforeAll(async () => {
      const { bucket, token } = world();
      destination_conf = await bucket('full');
      as = await token();
    });
    const delivered = (name: string): string => `${destination_conf.slice('file://'.length)}/${name}`;

    test('runs, counts while it does, is stopped once for all, and is delivered', async () => {
      const { ask, create, becomes, pair, download } = world();
      const { id } = await create(full(), { as });
      const running = await becomes(id, ['running'], { as });
      expect(running).not.toHaveProperty('stop_requested');
      const early = await ask('GET', `/pcaps/${id}/download`, { as });
      expect([early.status, early.errors]).toEqual([409, [[1117, undefined]]]);
      expect(early.headers.get('x-should-retry')).toBe('false');
      replayFrames(
        pair.far,
        [1, 2, 3].map((number) => numbered(number)),
      );
      const counted = await waitFor(
        async () => {
          const { result } = (await ask('GET', `/pcaps/${id}`, { as })).body;
          return result['packets_captured'] === 3 ? result : undefined;
        },
        { what: 'the packets counted while it runs' },
      );
      expect(counted).toMatchObject({ status: 'running', packets_dropped: 0 });
      const before = Date.now();
      for (const _ of [1, 2]) {
        const stopped = await ask('PUT', `/pcaps/${id}/stop`, { as, headers: { 'content-type': 'application/json' } });
        expect([stopped.status, stopped.bytes.length]).toEqual([204, 0]);
      }
      const done = await becomes(id, ['success'], { as });
      expect(done).toEqual({
        ...full(),
        id,
        system: 'magic-transit',
        status: 'success',
        submitted: running['submitted'],
        filter_v1: {},
        format: 'pcap',
        packets_captured: 3,
        packets_dropped: 0,
        stop_requested: expect.stringMatching(/\.\d{6}Z$/) as string,
        sensors: [
          {
            name: 's1',
            interface: pair.near.name,
            colo: 'lab01',
            status: 'done',
            packets: 3,
            bytes: 3 * numbered(1).length,
            dropped: 0,
            interface_dropped: 0,
            cut: 0,
            stop_reason: 'stopped',
          },
        ],
      });
      expect(Date.parse(String(done['stop_requested']))).toBeGreaterThan(before - 10);
      expect((await ask('PUT', `/pcaps/${id}/stop`, { as })).status).toBe(204);
      expect((await ask('GET', `/pcaps/${id}`, { as })).body.result).toEqual(done);
      const file = await download(id, { as });
      expect(file.equals(readFileSync(delivered(`pcap_${id}.pcap`)))).toBe(true);
      expect(parsePcap(file).packets.map((packet) => numberOf(packet.data))).toEqual([1, 2, 3]);
      // Somebody changes a bit of it in the bucket: it is not given out.
      writeFileSync(
        delivered(`pcap_${id}.pcap`),
        file.map((byte, at) => (at === 30 ? byte ^ 1 : byte)),
      );
      const changed = await ask('GET', `/pcaps/${id}/download`, { as });
      expect([changed.status, changed.errors]).toEqual([502, [[1224, undefined]]]);
    });

    test('stop: 400 for a simple one, 404 for none', async () => {
      const { ask, create } = world();
      const { id } = await create({ type: 'simple', time_limit: 1, packet_limit: 1 }, { as });
      const simple = await ask('PUT', `/pcaps/${id}/stop`, { as });
      expect([simple.status, simple.errors]).toEqual([400, [[1114, undefined]]]);
      const none = await ask('PUT', `/pcaps/${nobody}/stop`, { as });
      expect([none.status, none.errors]).toEqual([404, [[1003, undefined]]]);
    });

    test('stopped while it is pending, it is a success with an empty file', async () => {
      const { ask, create, becomes, download, withSensorFrozen } = world();
      const stopped = await withSensorFrozen(async () => {
        const { id } = await create(full(), { as });
        const early = await ask('GET', `/pcaps/${id}/download`, { as });
        expect([early.status, early.headers.get('x-should-retry')]).toEqual([409, 'false']);
        expect((await ask('PUT', `/pcaps/${id}/stop`, { as })).status).toBe(204);
        return await becomes(id, ['success'], { as });
      });
      expect(stopped).toMatchObject({ packets_captured: 0, sensors: [{ status: 'done', packets: 0 }] });
      const path = scratch('empty.pcap', await download(stopped.id, { as }));
      expect(runClean('capinfos', ['-c', '-T', '-r', path])).toMatch(/\t0\s*$/);
    });

    test.each([
      ['packet_limit', { packet_limit: 4 }, 4],
      ['byte_limit', { byte_limit: 4 * numbered(1).length + 1 }, 4],
    ])('ends by %s, exactly; what was written is what was delivered and what was cut', async (reason, limit, count) => {
      const { create, becomes, pair, download } = world();
      const { id } = await create({ ...full(), ...limit, filter_v1: { protocol: 17 }, format: 'pcapng' }, { as });
      await becomes(id, ['running'], { as });
      replayFrames(
        pair.far,
        [1, 2, 3, 4, 5, 6].flatMap((number) => [numbered(number), numbered(number + 100, { protocol: 'tcp' })]),
      );
      const done = await becomes(id, ['success'], { as });
      expect(done).toMatchObject({ packets_captured: count, ...limit });
      const [sensor] = done['sensors'] as { packets: number; cut: number; stop_reason: string }[];
      expect(sensor?.stop_reason).toBe(reason);
      expect((sensor?.packets ?? 0) - (sensor?.cut ?? 0)).toBe(count);
      const path = scratch(`${reason}.pcapng`, await download(id, { as }));
      expect(existsSync(delivered(`pcap_${id}.pcapng`))).toBe(true);
      expect(runClean('capinfos', ['-c', '-T', '-r', path])).toMatch(new RegExp(`\\t${count}\\s*$`));
    });

    test('ends by its clock', async () => {
      const { create, becomes } = world();
      const { id } = await create({ ...full(), time_limit: 1 }, { as });
      const done = await becomes(id, ['success'], { as });
      expect(done).toMatchObject({ sensors: [{ stop_reason: 'time_limit' }] });
      expect(done).not.toHaveProperty('stop_requested');
      expect(done).not.toHaveProperty('error_message');
    });
  });
}
