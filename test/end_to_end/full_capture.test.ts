import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { filterText } from '../../src/filter/filter_text.ts';
import { type FilterCase, filterCases, hop_by_hop_tcp, tagged } from '../fixtures/filter_cases.ts';
import { jumbo_mtu, protocolFrames } from '../fixtures/protocol_frames.ts';
import { ipPackets, malformedPackets } from '../fixtures/protocol_packets.ts';
import { createNamespacePair, type NamespacePair } from '../support/namespace_pair.ts';
import { corpus, runClean, scratchFolder } from '../support/packet_tools.ts';
import { pcapngBlocks } from '../support/pcapng_blocks.ts';
import { readPackets } from '../support/read_packets.ts';
import { replayFrames } from '../support/replay_frames.ts';
import { type Served, startServe } from '../support/serve.ts';
import { provedFileBucket } from '../support/take_captures.ts';
import { createTunDevice, type TunDevice } from '../support/tun_device.ts';
import { type BesideResult, captureBeside } from './beside_tcpdump.ts';
import { packetLines, peerLines } from './packet_lines.ts';
import { sensorsOf } from './shown_sensors.ts';

const scratch = scratchFolder();
const frames = protocolFrames().map(({ bytes }) => bytes);
let pair: NamespacePair;
let tun: TunDevice;
/** Each with one interface: the cable, loopback, and raw IP. */
let cable: Server;
let loopback: Server;
let raw: Server;

interface Server {
  readonly served: Served;
  readonly bucket: string;
}

async function serve(name: string): Promise<Server> {
  const served = await startServe({ interfaces: [name] });
  return { served, bucket: await provedFileBucket(served) };
}

beforeAll(async () => {
  pair = await createNamespacePair({ mtu: jumbo_mtu });
  tun = await createTunDevice();
  cable = await serve(pair.near.name);
  loopback = await serve('lo');
  raw = await serve(tun.name);
});
afterAll(async () => {
  await Promise.all([cable, loopback, raw].map(async (one) => await one?.served.remove()));
  tun?.close();
  await pair?.remove();
});

/** The delivered file is what tcpdump has, and the capture's own account says so. */
function expectSame({ capture, file, peer }: BesideResult): void {
  expect(packetLines(file)).toEqual(peerLines(peer));
  const bytes = peer.packets.reduce((sum, packet) => sum + packet.bytes.length, 0);
  expect(capture).toMatchObject({ status: 'success', packets_captured: peer.packets.length, packets_dropped: 0 });
  expect(sensorsOf(capture)).toMatchObject([
    { status: 'done', packets: peer.packets.length, bytes, dropped: 0, cut: 0, stop_reason: 'stopped' },
  ]);
}

/** The field's own tools read the file without a complaint, and see as many packets. */
function expectReadable({ file, peer }: BesideResult): void {
  const path = scratch('delivered.cap', file);
  expect(runClean('capinfos', ['-M', '-T', '-r', '-c', path])).toBe(`${path}\t${peer.packets.length}\n`);
  const times = runClean('tshark', ['-n', '-r', path, '-T', 'fields', '-e', 'frame.time_epoch']);
  expect(times.split('\n').filter((line) => line !== '')).toHaveLength(peer.packets.length);
}

const replay = (): void => void replayFrames(pair.far, frames);

/** As many captures run at once as a sensor is meant to have. */
const batches = [filterCases.slice(0, 11), filterCases.slice(11)].map((cases, index) => ({ index, cases }));

describe.each(batches)(
  'frames of many protocols, $cases.length captures at once beside tcpdump: batch $index',
  (batch) => {
    let results: readonly BesideResult[];
    beforeAll(async () => {
      const { served, bucket } = cable;
      results = await captureBeside(served, bucket, pair.near.name, batch.cases, replay);
    });

    test.each(batch.cases.map(({ name }, index) => ({ name, index })))('$name', ({ name, index }) => {
      const result = results[index];
      if (result === undefined) throw new Error('it was not captured');
      const share = result.peer.packets.length / frames.length;
      // The kernel throws two frames away whose tags are cut short.
      if (name === 'everything') expect(share).toBeGreaterThan(0.99);
      else expect(share > 0 && share < 0.9).toBe(true);
      expectSame(result);
    });

    test('capinfos and tshark read the longest file', () => {
      const [first] = results;
      if (first === undefined) throw new Error('nothing was captured');
      expectReadable(first);
    });
  },
);

describe('pcapng', () => {
  const filter_v1 = { source_address: '192.0.2.0/24', protocol: 17 };
  const text = { filter_v1, filter_expression: 'port 53', format: 'pcapng' as const };
  const cases: readonly FilterCase[] = [
    { name: 'filtered', ask: text, tcpdump: tagged('src net 192.0.2.0/24 and udp port 53') },
    { name: 'everything', ask: { format: 'pcapng' }, tcpdump: '' },
    {
      name: 'nothing',
      ask: { format: 'pcapng', filter_expression: 'host 203.0.113.99' },
      tcpdump: 'host 203.0.113.99',
    },
    { name: 'nothing, classic', ask: { filter_expression: 'host 203.0.113.99' }, tcpdump: 'host 203.0.113.99' },
  ];
  let results: readonly BesideResult[];
  beforeAll(async () => {
    results = await captureBeside(cable.served, cable.bucket, pair.near.name, cases, replay);
  });

  test.each(cases.map(({ name }, index) => ({ name, index })))('$name: the same packets, and readable', ({ index }) => {
    const result = results[index];
    if (result === undefined) throw new Error('it was not captured');
    expectSame(result);
    expectReadable(result);
  });

  test('says of the interface its name, the filter, the counts and the drops', () => {
    const [{ file, peer, capture }] = results as readonly [BesideResult];
    const blocks = pcapngBlocks(file);
    const [section, description] = blocks;
    const statistics = blocks.at(-1);
    expect([section?.type, description?.type, statistics?.type]).toEqual([0x0a0d0d0a, 1, 5]);
    expect(section?.options.get(1)?.toString()).toContain(capture.id);
    expect(section?.options.get(4)?.toString()).toMatch(/^edgetap \d/);
    expect(description?.options.get(2)?.toString()).toBe(pair.near.name);
    expect(description?.options.get(3)?.toString()).toBe('s1 in lab01');
    const filter = `(${filterText(filter_v1)}) and (port 53)`;
    expect(description?.options.get(11)?.toString()).toBe(`\0${filter}`);
    const count = (code: number): bigint | undefined => statistics?.options.get(code)?.readBigUInt64LE();
    const packets = BigInt(peer.packets.length);
    expect({ interface_dropped: count(5), accepted: count(6), dropped: count(7), delivered: count(8) }).toEqual({
      interface_dropped: 0n,
      accepted: packets,
      dropped: 0n,
      delivered: packets,
    });
    const time = (code: number): bigint => {
      const value = statistics?.options.get(code);
      return value === undefined ? -1n : (BigInt(value.readUInt32LE()) << 32n) | BigInt(value.readUInt32LE(4));
    };
    const times = peer.packets.map((packet) => packet.time);
    expect(time(2)).toBeLessThan(times.at(0) ?? 0n);
    expect(time(3)).toBeGreaterThanOrEqual(times.at(-1) ?? 0n);
  });

  test('capinfos shows it', () => {
    const [{ file, peer }] = results as readonly [BesideResult];
    const shown = runClean('capinfos', [scratch('shown.pcapng', file)]);
    expect(shown).toMatch(/File type: +Wireshark\/\.\.\. - pcapng/);
    expect(shown).toContain(`Name = ${pair.near.name}`);
    expect(shown).toContain(`Filter string = (${filterText(filter_v1)}) and (port 53)`);
    expect(shown).toContain('Number of stat entries = 1');
    expect(shown).toContain(`Number of packets = ${peer.packets.length}`);
    const names = runClean('tshark', [
      '-n',
      '-r',
      scratch('shown.pcapng'),
      '-T',
      'fields',
      '-e',
      'frame.interface_name',
    ]);
    expect([...new Set(names.trim().split('\n'))]).toEqual([pair.near.name]);
  });
});

const files = corpus();

// Another project's files: used where they are, needed nowhere.
if (files.length > 0)
  describe("the capture files of tcpdump's own tests", () => {
    /** Ethernet frames that the cable takes. */
    const kept = files.flatMap((path) => {
      const { packets, interfaces, reader } = readPackets([readFileSync(path)]);
      return packets.flatMap(({ data }, index) => {
        const linktype = reader.interfaces[interfaces[index] ?? 0]?.linktype;
        return linktype === 1 && data.length >= 14 && data.length <= jumbo_mtu + 14 ? [data] : [];
      });
    });
    const cases = filterCases.filter(({ name }) => ['everything', 'a protocol and a port', 'lengths'].includes(name));

    test('are captured as tcpdump captures them', async () => {
      const { served, bucket } = cable;
      const results = await captureBeside(
        served,
        bucket,
        pair.near.name,
        cases,
        () => void replayFrames(pair.far, kept),
      );
      expect(results[0]?.peer.packets.length).toBeGreaterThan(0.9 * kept.length);
      for (const result of results) expectSame(result);
      for (const result of results.slice(0, 1)) expectReadable(result);
    });
  });

describe('interfaces of other kinds', () => {
  test('loopback: each packet once', async () => {
    const socket = createSocket('udp4').bind(0, '127.0.0.1');
    const socket6 = createSocket({ type: 'udp6', ipv6Only: true }).bind(0, '::1');
    await Promise.all([once(socket, 'listening'), once(socket6, 'listening')]);
    const [port, port6] = [socket.address().port, socket6.address().port];
    const send = async (from: typeof socket, to: string, bytes: number): Promise<void> => {
      await new Promise<void>((resolve, reject) => {
        from.send(Buffer.alloc(bytes, bytes), 9, to, (error) => (error === null ? resolve() : reject(error)));
      });
    };
    const expression = `udp src port ${port} or udp src port ${port6}`;
    const cases = [
      { name: 'both', ask: { filter_expression: expression }, tcpdump: expression },
      {
        name: 'one',
        ask: { filter_v1: { source_port: port, destination_address: '127.77.0.0/16' } },
        tcpdump: `src port ${port} and dst net 127.77.0.0/16`,
      },
    ];
    const results = await captureBeside(loopback.served, loopback.bucket, 'lo', cases, async () => {
      for (const bytes of [0, 1, 100, 1472, 60_000]) {
        await send(socket, '127.77.0.1', bytes);
        await send(socket, '127.0.0.1', bytes);
        await send(socket6, '::1', bytes);
      }
    });
    socket.close();
    socket6.close();
    expect(results.map(({ peer }) => peer.packets.length)).toEqual([15, 5]);
    for (const result of results) expectSame(result);
    for (const result of results) expectReadable(result);
  });

  test('raw IP of a tun device', async () => {
    const packets = [...ipPackets(), ...malformedPackets()].filter(({ bytes }) => bytes.length > 0);
    const cases: readonly FilterCase[] = [
      { name: 'everything', ask: {}, tcpdump: '' },
      { name: 'pcapng', ask: { format: 'pcapng' }, tcpdump: '' },
      {
        name: 'filtered',
        ask: { filter_v1: { protocol: 6, destination_port: 443 } },
        tcpdump: `tcp dst port 443 or (${hop_by_hop_tcp} and ip6[50:2] = 443)`,
      },
      { name: 'addresses', ask: { filter_v1: { source_address: '2001:db8::/32' } }, tcpdump: 'src net 2001:db8::/32' },
      { name: 'expression', ask: { filter_expression: 'not udp' }, tcpdump: 'not udp' },
    ];
    const results = await captureBeside(raw.served, raw.bucket, tun.name, cases, () => {
      for (const { bytes } of packets) tun.write(Uint8Array.from(bytes));
    });
    expect(results[0]?.peer).toMatchObject({ linktype: 101 });
    expect(results[0]?.peer.packets.length).toBe(packets.length);
    for (const result of results) expectSame(result);
    for (const result of results) expectReadable(result);
    expect(results[0]?.file.readUInt32LE(20)).toBe(101);
  });

  test('an expression that raw IP cannot have is refused where there is nothing else', async () => {
    const { served, bucket } = raw;
    const body = { type: 'full', system: 'magic-transit', time_limit: 5, colo_name: 'lab01', destination_conf: bucket };
    const { status, body: answer } = await served.call('POST', '/pcaps', { ...body, filter_expression: 'vlan 5' });
    expect(status).toBe(400);
    expect(answer.errors).toMatchObject([{ code: 1121, source: { pointer: '/filter_expression' } }]);
  });
});
