import { describe, expect, test } from 'vitest';
import { createNamespacePair } from '../support/namespace_pair.ts';
import { parsePcap } from '../support/packet_samples.ts';
import { replayFrames } from '../support/replay_frames.ts';
import type { Served } from '../support/serve.ts';
import { serveOnCables } from '../support/serve_on_cables.ts';
import {
  captureBecomes,
  createCapture,
  deliveredFile,
  provedFileBucket,
  showCapture,
  stopCapture,
} from '../support/take_captures.ts';
import { waitFor } from '../support/wait_for.ts';
import { withoutRoot } from '../support/without_root.ts';

const full = { type: 'full', colo_name: 'lab01', time_limit: 600 } as const;

interface ShownSensor {
  readonly interface: string;
  readonly status: string;
}

/** The parts of a capture as its owner sees them. */
async function shownParts(served: Served, id: string): Promise<readonly ShownSensor[]> {
  return ((await showCapture(served, id))['sensors'] ?? []) as readonly ShownSensor[];
}

async function allRunning(served: Served, id: string, count: number): Promise<void> {
  const isArmed = async (): Promise<boolean> => {
    const parts = await shownParts(served, id);
    return parts.length === count && parts.every((part) => part.status === 'running');
  };
  await waitFor(isArmed, { what: `${count} interfaces to be captured` });
}

describe.skipIf(withoutRoot('capturing'))('a host with many interfaces', () => {
  const { pairs, start } = serveOnCables(26);

  test('has all of them captured by one capture', async () => {
    const one = await start({ interfaces: pairs.map(({ near }) => near.name) });
    const destination_conf = await provedFileBucket(one);
    const { id } = await createCapture(one, { ...full, destination_conf });
    await allRunning(one, id, pairs.length);
    for (const [index, { far }] of pairs.entries()) replayFrames(far, [new Uint8Array(100).fill(index + 1)]);
    const all = async (): Promise<boolean> => (await showCapture(one, id))['packets_captured'] === pairs.length;
    await waitFor(all, { what: 'a packet of each interface' });
    await stopCapture(one, id);
    await captureBecomes(one, id);
    const { packets } = parsePcap(deliveredFile(destination_conf, id));
    const kinds = packets.map(({ data }) => data[50] ?? 0).toSorted((a, b) => a - b);
    expect(kinds).toEqual(pairs.map((_, index) => index + 1));
  });

  test('has ten captures on five of them at one time', async () => {
    const five = pairs.slice(0, 5);
    const one = await start({ interfaces: five.map(({ near }) => near.name) });
    const destination_conf = await provedFileBucket(one);
    const ids: string[] = [];
    for (let count = 0; count < 10; count += 1) {
      ids.push((await createCapture(one, { ...full, destination_conf })).id);
    }
    for (const id of ids) await allRunning(one, id, five.length);
    for (const { far } of five) replayFrames(far, [new Uint8Array(100).fill(7), new Uint8Array(100).fill(8)]);
    for (const id of ids) {
      await waitFor(async () => (await showCapture(one, id))['packets_captured'] === 10, {
        what: 'all packets in each capture',
      });
      await stopCapture(one, id);
    }
    for (const id of ids) {
      await captureBecomes(one, id);
      expect(parsePcap(deliveredFile(destination_conf, id)).packets).toHaveLength(10);
    }
  });

  test('whose memory does not suffice refuses a capture when it is asked for, and says what to do', async () => {
    // 24 MiB for captures: 2 rings.
    const env = { EDGETAP_MEMORY_BYTES: String(32 << 20) };
    const one = await start({ interfaces: pairs.slice(0, 3).map(({ near }) => near.name), env });
    const destination_conf = await provedFileBucket(one);
    const refused = await one.call('POST', '/pcaps', { system: 'magic-transit', ...full, destination_conf });
    expect([refused.status, refused.body.errors[0]?.code]).toEqual([400, 1022]);
    expect(refused.body.errors[0]?.message).toMatch(
      /^Sensor s1 has memory for 2 rings.*needs 3: raise EDGETAP_MEMORY_BYTES/,
    );
    await one.stop();
    await one.remove();
    const small = await start({ interfaces: pairs.slice(0, 2).map(({ near }) => near.name), env });
    const bucket = await provedFileBucket(small);
    const first = await createCapture(small, { ...full, destination_conf: bucket });
    const second = await small.call('POST', '/pcaps', { system: 'magic-transit', ...full, destination_conf: bucket });
    expect([second.status, second.body.errors[0]?.code, second.headers.has('retry-after')]).toEqual([503, 1023, true]);
    await allRunning(small, first.id, 2);
    await stopCapture(small, first.id);
    await captureBecomes(small, first.id);
    const third = await createCapture(small, { ...full, destination_conf: bucket });
    await allRunning(small, third.id, 2);
  });

  test('of which all are captured takes one that comes while a capture runs into it, and names it', async () => {
    const one = await start({ interfaces: ['all'] });
    const destination_conf = await provedFileBucket(one);
    const [first] = pairs;
    if (first === undefined) throw new Error('there is no interface');
    // Others use this host, too: frames of this type are ours alone.
    const { id } = await createCapture(one, { ...full, destination_conf, filter_expression: 'ether proto 0x88b7' });
    const isRunning = async (name: string): Promise<boolean> =>
      (await shownParts(one, id)).some((part) => part.interface === name && part.status === 'running');
    await waitFor(() => isRunning(first.near.name), { what: 'the first to be captured' });
    const late = await createNamespacePair();
    try {
      await waitFor(() => isRunning(late.near.name), { what: 'the new one to be captured' });
      const frame = (mark: number): Uint8Array => {
        const bytes = new Uint8Array(80).fill(mark);
        bytes.set([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb7]);
        return bytes;
      };
      replayFrames(first.far, [frame(1)]);
      replayFrames(late.far, [frame(2), frame(3)]);
      await waitFor(async () => (await showCapture(one, id))['packets_captured'] === 3, {
        what: 'the packets of both',
      });
      await stopCapture(one, id);
      await captureBecomes(one, id);
      const { packets } = parsePcap(deliveredFile(destination_conf, id));
      expect(new Set(packets.map(({ data }) => data[40]))).toEqual(new Set([1, 2, 3]));
      expect((await shownParts(one, id)).map((part) => part.interface)).toContain(late.near.name);
    } finally {
      await late.remove();
    }
  });
});
