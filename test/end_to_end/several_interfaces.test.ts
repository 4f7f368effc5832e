import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { numberedFrames } from '../fixtures/numbered_frames.ts';
import { ethertypes, ipPackets } from '../fixtures/protocol_packets.ts';
import { startFlood } from '../support/flood.ts';
import { createNamespacePair, type NamespacePair } from '../support/namespace_pair.ts';
import { runClean, scratchFolder } from '../support/packet_tools.ts';
import { parsePcap } from '../support/packet_samples.ts';
import { pcapngBlocks } from '../support/pcapng_blocks.ts';
import { readPackets } from '../support/read_packets.ts';
import { openFrameSender, replayFrames } from '../support/replay_frames.ts';
import { type Served, startServe } from '../support/serve.ts';
import {
  captureBecomes,
  createCapture,
  deliveredFile,
  provedFileBucket,
  type ShownCapture,
  showCapture,
  stopCapture,
} from '../support/take_captures.ts';
import { startTcpdump, type TcpdumpCapture } from '../support/tcpdump_peer.ts';
import { createTunDevice, type TunDevice } from '../support/tun_device.ts';
import { endsWhole } from '../support/ends_whole.ts';
import { linkUp } from '../support/link_up.ts';
import { waitFor } from '../support/wait_for.ts';
import { mergedPeerLines, packetLines } from './packet_lines.ts';
import { allArmed, sensorsOf } from './shown_sensors.ts';

const scratch = scratchFolder();

interface Server {
  readonly served: Served;
  readonly bucket: string;
}

async function serve(interfaces: readonly string[]): Promise<Server> {
  const served = await startServe({ interfaces, env: { EDGETAP_PACKETS_MAX: '1000000', EDGETAP_SAMPLE_RATE: '1000' } });
  return { served, bucket: await provedFileBucket(served) };
}

async function begin({ served, bucket }: Server, ask: Readonly<Record<string, unknown>>): Promise<string> {
  const body = { type: 'full', time_limit: 3600, colo_name: 'lab01', destination_conf: bucket };
  const { id } = await createCapture(served, { ...body, ...ask });
  await allArmed(served, id);
  return id;
}

/** What the interfaces wrote is what was delivered and what was cut; gives the sum that was delivered. */
function delivered(capture: ShownCapture): number {
  const shares = sensorsOf(capture).filter((one) => one.status === 'done');
  const sum = shares.reduce((total, one) => total + (one.packets ?? NaN) - (one.cut ?? NaN), 0);
  expect(capture).toMatchObject({ packets_captured: sum });
  return sum;
}

async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}

function ascending(times: readonly bigint[]): boolean {
  return times.every((time, index) => index === 0 || time >= (times[index - 1] ?? 0n));
}

describe('two cables', () => {
  let pairs: readonly [NamespacePair, NamespacePair];
  let server: Server;
  beforeAll(async () => {
    pairs = [await createNamespacePair(), await createNamespacePair()];
    server = await serve(pairs.map(({ near }) => near.name));
  });
  afterAll(async () => {
    await server?.served.remove();
    for (const pair of pairs ?? []) await pair.remove();
  });

  /** A tcpdump on each while a capture of both runs to its end. */
  const beside = async (
    asks: readonly Readonly<Record<string, unknown>>[],
    traffic: () => Promise<void>,
    stop = false,
  ): Promise<{ captures: readonly ShownCapture[]; peers: readonly TcpdumpCapture[] }> => {
    const peers = await Promise.all(pairs.map(async ({ near }) => await startTcpdump({ name: near.name })));
    const ids = await Promise.all(asks.map(async (ask) => await begin(server, ask)));
    await traffic();
    if (stop) for (const id of ids) await stopCapture(server.served, id);
    const captures = await Promise.all(ids.map(async (id) => await endsWhole(server.served, id)));
    return { captures, peers: await Promise.all(peers.map(async (peer) => await peer.stop())) };
  };

  /** 3,000 frames of different lengths on each, in turns of different lengths. */
  const turns = async (): Promise<void> => {
    const senders = pairs.map(({ far }) => openFrameSender(far));
    const frames = [4000, 4001].map((port) => numberedFrames(3000, port, (number) => 60 + ((number * 53) % 900)));
    const at = [0, 0];
    for (let turn = 0; at.some((one) => one < 3000); turn += 1) {
      const side = turn % 2;
      const next = (at[side] ?? 0) + 1 + ((turn * 7) % 60);
      senders[side]?.send(frames[side]?.slice(at[side], next) ?? []);
      at[side] = next;
      if (turn % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 2));
    }
    for (const sender of senders) sender.close();
  };

  test('one file, in the order of time, cut to exactly the limits', async () => {
    const asks = [
      {},
      { format: 'pcapng' },
      { packet_limit: 2500 },
      { packet_limit: 2501, format: 'pcapng' },
      { byte_limit: 700_001 },
      { packet_limit: 1 },
      { filter_v1: { source_port: 4001 } },
    ];
    const { captures, peers } = await beside(asks, turns, true);
    expect(peers.map(({ packets }) => packets.length)).toEqual([3000, 3000]);
    const all = mergedPeerLines(peers);
    const lines = captures.map(({ id }, index) => {
      return packetLines(deliveredFile(server.bucket, id, asks[index]?.format));
    });
    const [whole, ng, limited, ng_limited, bytes, one, filtered] = lines;
    expect(whole).toEqual(all);
    expect(ng).toEqual(all);
    expect(limited).toEqual(all.slice(0, 2500));
    expect(ng_limited).toEqual(all.slice(0, 2501));
    expect(one).toEqual(all.slice(0, 1));
    let room = 700_001;
    const fits = all.findIndex((line) => (room -= Number(line.split(' ')[1])) < 0);
    expect(bytes).toEqual(all.slice(0, fits));
    expect(filtered).toEqual(mergedPeerLines(peers.slice(1)));
    for (const [index, capture] of captures.entries()) {
      expect(delivered(capture)).toBe(lines[index]?.length);
      expect(capture).toMatchObject({ packets_dropped: 0 });
      expect(sensorsOf(capture).map((sensor) => sensor.interface)).toEqual(pairs.map(({ near }) => near.name));
    }
    for (const [index, { id }] of captures.entries()) {
      const path = scratch('merged.cap', deliveredFile(server.bucket, id, asks[index]?.format));
      expect(runClean('capinfos', ['-M', '-T', '-r', '-c', path])).toBe(`${path}\t${lines[index]?.length}\n`);
    }
  });

  test('a pcapng file has both interfaces, each with its own packets and counts', async () => {
    const id = await begin(server, { format: 'pcapng' });
    replayFrames(pairs[0].far, numberedFrames(3, 4000));
    replayFrames(pairs[1].far, numberedFrames(5, 4001));
    await stopCapture(server.served, id);
    await endsWhole(server.served, id);
    const file = deliveredFile(server.bucket, id, 'pcapng');
    const described = pcapngBlocks(file).filter(({ type }) => type === 1);
    expect(described.map(({ options }) => options.get(2)?.toString())).toEqual(pairs.map(({ near }) => near.name));
    const counted = pcapngBlocks(file).filter(({ type }) => type === 5);
    expect(counted.map(({ body, options }) => [body.readUInt32LE(), options.get(8)?.readBigUInt64LE()])).toEqual([
      [0, 3n],
      [1, 5n],
    ]);
    expect(readPackets([file]).interfaces).toEqual([0, 0, 0, 1, 1, 1, 1, 1]);
  });

  test('under full load on both the sum is exact, too', async () => {
    const floods = await Promise.all(
      pairs.map(async ({ far }, side) => await startFlood(far, numberedFrames(1000, 4000 + side))),
    );
    const limits = [{ packet_limit: 20_000 }, { byte_limit: 3_000_050 }];
    const ids = await Promise.all(
      limits.map(async (ask) => {
        const body = { type: 'full', time_limit: 3600, colo_name: 'lab01', destination_conf: server.bucket };
        return (await createCapture(server.served, { ...body, ...ask })).id;
      }),
    );
    const captures = await Promise.all(ids.map(async (id) => await endsWhole(server.served, id)));
    await Promise.all(floods.map(async (flood) => await flood.stop()));
    for (const [index, capture] of captures.entries()) {
      const { packets } = parsePcap(deliveredFile(server.bucket, capture.id));
      expect(packets).toHaveLength([20_000, 30_000][index] ?? -1);
      expect(ascending(packets.map(({ time }) => time))).toBe(true);
      expect(delivered(capture)).toBe(packets.length);
    }
  });

  test('an interface that goes down, gets another name and comes up again is captured on', async () => {
    const [other, changed] = pairs;
    const id = await begin(server, {});
    replayFrames(changed.far, numberedFrames(10, 4001));
    const set = async (...words: readonly string[]): Promise<void> => {
      await changed.exec('near', 'ip', ['link', 'set', ...words]);
    };
    const { name } = changed.near;
    const renamed = `${name.slice(0, -1)}z`;
    await set(name, 'down');
    await pause(300);
    await set(name, 'name', renamed);
    await linkUp(changed, renamed);
    replayFrames(other.far, numberedFrames(5, 4000));
    replayFrames(changed.far, numberedFrames(20, 4001));
    await pause(300);
    await set(renamed, 'down');
    await set(renamed, 'name', name);
    await linkUp(changed, name);
    replayFrames(changed.far, numberedFrames(30, 4001));
    await stopCapture(server.served, id);
    const capture = await endsWhole(server.served, id);
    expect(sensorsOf(capture)).toMatchObject([
      { interface: other.near.name, packets: 5, stop_reason: 'stopped' },
      { interface: name, packets: 60, dropped: 0, stop_reason: 'stopped' },
    ]);
    expect(delivered(capture)).toBe(65);
    // The fleet knows it by its name again, for the captures to come.
    const known = `edgetap_sensor_interface_up{sensor="s1",interface="${name}"} 1\n`;
    const metrics = async (): Promise<string> => await (await fetch(`${server.served.url}/metrics`)).text();
    await waitFor(async () => (await metrics()).includes(known), { what: 'the interface to be told of' });
  });

  test('an interface that is removed gives all it had, and the capture says why it is not whole', async () => {
    const [stays, goes] = pairs;
    const id = await begin(server, { time_limit: 3600 });
    replayFrames(stays.far, numberedFrames(40, 4000));
    replayFrames(goes.far, numberedFrames(70, 4001));
    await goes.remove();
    await waitFor(
      async () => {
        const sensors = sensorsOf(await showCapture(server.served, id));
        if (sensors[1]?.stop_reason !== 'interface_removed') throw new Error(JSON.stringify(sensors));
        return true;
      },
      { what: 'the removal to be told' },
    );
    expect(await showCapture(server.served, id)).toMatchObject({ status: 'running' });
    replayFrames(stays.far, numberedFrames(20, 4000));
    await stopCapture(server.served, id);
    const capture = await captureBecomes(server.served, id, ['complete']);
    expect(capture['error_message']).toContain(`s1/${goes.near.name}: `);
    expect(sensorsOf(capture)).toMatchObject([
      { interface: stays.near.name, status: 'done', packets: 60, cut: 0, dropped: 0, stop_reason: 'stopped' },
      { interface: goes.near.name, status: 'done', packets: 70, cut: 0, stop_reason: 'interface_removed' },
    ]);
    expect(delivered(capture)).toBe(130);
    expect(parsePcap(deliveredFile(server.bucket, id)).packets).toHaveLength(130);
  });
});

describe('interfaces of different kinds', () => {
  let pair: NamespacePair;
  let tun: TunDevice;
  let cooked: TunDevice;
  let server: Server;
  beforeAll(async () => {
    pair = await createNamespacePair();
    tun = await createTunDevice();
    cooked = await createTunDevice({ arphrd: 512 });
    server = await serve([pair.near.name, tun.name, cooked.name]);
  });
  afterAll(async () => {
    await server?.served.remove();
    tun?.close();
    cooked?.close();
    await pair?.remove();
  });
  const packets = ipPackets().map(({ ethertype, bytes }) => ({ ethertype, bytes: Uint8Array.from(bytes) }));
  const frames = numberedFrames(packets.length, 4000);
  /** One packet on each in turn. */
  const traffic = (): void => {
    for (const [index, { bytes }] of packets.entries()) {
      replayFrames(pair.far, frames.slice(index, index + 1));
      tun.write(bytes);
      cooked.write(bytes);
    }
  };

  test('pcap: Ethernet, with zero addresses where there was none', async () => {
    const id = await begin(server, {});
    traffic();
    await stopCapture(server.served, id);
    const capture = await endsWhole(server.served, id);
    const file = deliveredFile(server.bucket, id);
    const parsed = parsePcap(file);
    expect(parsed.linktype).toBe(1);
    expect(ascending(parsed.packets.map(({ time }) => time))).toBe(true);
    const framed = packets.map(({ ethertype, bytes }) => {
      return Buffer.concat([Buffer.alloc(12), Buffer.from([ethertype >> 8, ethertype & 0xff]), bytes]).toString('hex');
    });
    const found = parsed.packets.map(({ data }) => Buffer.from(data).toString('hex'));
    const expected = packets.flatMap((_, index) => [
      Buffer.from(frames[index] ?? []).toString('hex'),
      framed[index],
      framed[index],
    ]);
    expect(found).toEqual(expected);
    expect(parsed.packets.every(({ original, data }) => original === data.length)).toBe(true);
    expect(delivered(capture)).toBe(3 * packets.length);
    // The interfaces' own counts are of the packets as they were.
    const bytes = packets.reduce((sum, packet) => sum + packet.bytes.length, 0);
    expect(sensorsOf(capture).map((one) => one.bytes)).toEqual([
      frames.length * 100,
      bytes,
      bytes + 16 * packets.length,
    ]);
    const path = scratch('mixed.pcap', file);
    const types = runClean('tshark', ['-n', '-r', path, '-T', 'fields', '-e', 'eth.type']).trim().split('\n');
    expect(types).toHaveLength(3 * packets.length);
  });

  test('pcapng: each as it is', async () => {
    const id = await begin(server, { format: 'pcapng' });
    traffic();
    await stopCapture(server.served, id);
    await endsWhole(server.served, id);
    const file = deliveredFile(server.bucket, id, 'pcapng');
    const described = pcapngBlocks(file).filter(({ type }) => type === 1);
    expect(described.map(({ body }) => body.readUInt16LE())).toEqual([1, 101, 113]);
    const read = readPackets([file]);
    const raw = read.packets.filter((_, index) => read.interfaces[index] === 1);
    expect(raw.map(({ data }) => data)).toEqual(packets.map(({ bytes }) => bytes));
    const sll = read.packets.filter((_, index) => read.interfaces[index] === 2);
    expect(sll.map(({ data }) => data.subarray(16))).toEqual(packets.map(({ bytes }) => bytes));
    const path = scratch('mixed.pcapng', file);
    const protocols = runClean('tshark', ['-n', '-r', path, '-T', 'fields', '-e', 'frame.protocols'])
      .trim()
      .split('\n');
    expect(protocols).toHaveLength(3 * packets.length);
    expect(new Set(protocols.map((one) => one.split(':')[0]))).toEqual(new Set(['eth', 'raw', 'sll']));
  });

  test('byte_limit counts the packets as they were', async () => {
    const limit = 100 + (packets[0]?.bytes.length ?? 0);
    const id = await begin(server, { byte_limit: limit, filter_expression: 'not ip proto 99' });
    traffic();
    const capture = await endsWhole(server.served, id);
    expect(parsePcap(deliveredFile(server.bucket, id)).packets).toHaveLength(2);
    expect(delivered(capture)).toBe(2);
  });

  test('an expression that some kinds cannot have leaves those interfaces out, and they say so', async () => {
    const id = await begin(server, { filter_expression: `ether dst 02:00:00:00:00:01` });
    traffic();
    await stopCapture(server.served, id);
    const capture = await endsWhole(server.served, id);
    expect(sensorsOf(capture)).toMatchObject([
      { interface: pair.near.name, status: 'done', packets: frames.length },
      { interface: tun.name, status: 'excluded', error: expect.stringContaining(tun.name) as unknown },
      { interface: cooked.name, status: 'excluded', error: expect.stringContaining(cooked.name) as unknown },
    ]);
    const lines = parsePcap(deliveredFile(server.bucket, id)).packets.map(({ data }) => Buffer.from(data));
    expect(lines).toEqual(frames.map((frame) => Buffer.from(frame)));
  });

  test('filters see the same packets on every kind', async () => {
    const id = await begin(server, { filter_v1: { protocol: 6 } });
    traffic();
    await stopCapture(server.served, id);
    const capture = await endsWhole(server.served, id);
    // Of IPv6, behind hop-by-hop options too.
    const protocolOf = (bytes: Uint8Array): number | undefined => (bytes[6] === 0 ? bytes[40] : bytes[6]);
    const tcp = packets.filter(
      ({ ethertype, bytes }) => (ethertype === ethertypes.ipv4 ? bytes[9] : protocolOf(bytes)) === 6,
    );
    expect(tcp.length).toBeGreaterThan(5);
    expect(sensorsOf(capture).map((one) => one.packets)).toEqual([0, tcp.length, tcp.length]);
  });
});
