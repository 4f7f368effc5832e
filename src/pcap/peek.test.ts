import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { protocolFrames } from '../../test/fixtures/protocol_frames.ts';
import { tunnelFrames } from '../../test/fixtures/tunnel_frames.ts';
import { buildPcap, parsePcap, type SamplePacket } from '../../test/support/packet_samples.ts';
import { corpus, runs, runTool, scratchFolder } from '../../test/support/packet_tools.ts';
import { readPackets } from '../../test/support/read_packets.ts';
import { testSeed } from '../../test/support/test_seed.ts';
import { linkTypes } from './link_type.ts';
import { createPeek, type Peek, peekIp, peekPacket } from './peek.ts';
import { soak } from '../../test/support/soak.ts';

const scratch = scratchFolder();
const seed = testSeed('peek');
const [ipv4, ipv6, arp, rarp] = [0x0800, 0x86dd, 0x0806, 0x8035];

const bytes = (most: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ maxLength: most }).map((value) => Buffer.from(value));
const u16 = (value: number): Buffer => Buffer.of(value >> 8, value & 255);
const concat = (...parts: fc.Arbitrary<Buffer>[]): fc.Arbitrary<Buffer> =>
  fc.tuple(...parts).map((value) => Buffer.concat(value));
const of = (...values: number[]): fc.Arbitrary<Buffer> => fc.constant(Buffer.from(values));
const address4 = fc.constantFrom(Buffer.of(10, 0, 0, 1), Buffer.of(10, 0, 0, 2), Buffer.of(192, 168, 1, 1));
const address6 = fc.constantFrom(1, 2, 3).map((last) => Buffer.from(`20010db8${'00'.repeat(11)}0${last}`, 'hex'));
const port = fc.constantFrom(53, 80, 443).map(u16);
const transport = concat(port, port, bytes(6));
const protocol = fc.constantFrom(6, 17, 132, 1, 50);

const packet4 = fc
  .record({
    words: fc.oneof({ weight: 4, arbitrary: fc.constant(5) }, { weight: 1, arbitrary: fc.nat(15) }),
    fragment: fc.constantFrom(0, 0, 0, 0x2000, 0x4000, 0x2001, 0x1fff, 1),
    protocol,
    source: address4,
    destination: address4,
    rest: transport,
    version: fc.constantFrom(4, 4, 4, 6),
  })
  .map(({ words, fragment, protocol, source, destination, rest, version }) =>
    Buffer.concat([
      Buffer.of((version << 4) | words, 0, 0, 60, 0, 1, fragment >> 8, fragment & 255, 64, protocol, 0, 0),
      source,
      destination,
      Buffer.alloc(Math.max(0, words - 5) * 4, 7),
      rest,
    ]),
  );

/** An IPv6 extension header: its own number, and its bytes after the next header's number. */
interface Extension {
  readonly number: number;
  readonly body: Buffer;
}
const extension: fc.Arbitrary<Extension> = fc.oneof(
  fc
    .constantFrom(0, 43, 60, 135)
    .chain((number) => fc.nat(1).map((length) => ({ number, body: Buffer.alloc(8 * length + 7, length) }))),
  fc.constant({ number: 51, body: Buffer.alloc(15, 2) }),
  fc
    .constantFrom(0, 1, 8, 0xfff8)
    .map((field) => ({ number: 44, body: Buffer.concat([Buffer.of(0), u16(field), Buffer.alloc(4)]) })),
);
const packet6 = fc
  .record({
    chain: fc.oneof(
      { weight: 3, arbitrary: fc.constant<readonly Extension[]>([]) },
      { weight: 4, arbitrary: fc.array(extension, { maxLength: 3 }).map((chain): readonly Extension[] => chain) },
    ),
    protocol,
    source: address6,
    destination: address6,
    rest: transport,
  })
  .map(({ chain, protocol, source, destination, rest }) => {
    const numbers = [...chain.map(({ number }) => number), protocol];
    const headers = chain.flatMap(({ body }, index) => [Buffer.of(numbers[index + 1] ?? 0), body]);
    return Buffer.concat([Buffer.of(0x60, 0, 0, 0, 0, 60, numbers[0] ?? 0, 64), source, destination, ...headers, rest]);
  });
const packetArp = concat(of(0, 1, 8, 0, 6, 4, 0, 1), of(2, 0, 0, 0, 0, 1), address4, of(2, 0, 0, 0, 0, 2), address4);

/** A payload with the EtherType that it is announced by; now and then one that it is not. */
const network = fc.oneof(
  fc.tuple(fc.constant(ipv4), packet4),
  fc.tuple(fc.constant(ipv6), packet6),
  fc.tuple(fc.constantFrom(arp, rarp), packetArp),
  fc.tuple(fc.constantFrom(ipv4, ipv6, arp, 0x0004, 0x05dc, 0x8847, 0x8863), bytes(60)),
);
const tag = fc.tuple(fc.constantFrom(0x8100, 0x88a8, 0x9100), bytes(2));
const tagged = fc
  .tuple(fc.array(tag, { maxLength: 3 }), network)
  .map(([tags, [type, payload]]): [number, Buffer] =>
    tags.reduce(
      ([inner, rest], [outer]) => [outer, Buffer.concat([u16(5), u16(inner), rest])] as [number, Buffer],
      [type, payload],
    ),
  );

const ip = fc.oneof(packet4, packet6, bytes(40));
const linkLayers: Readonly<Record<string, [number, fc.Arbitrary<Buffer>]>> = {
  Ethernet: [linkTypes.ethernet, tagged.map(([type, rest]) => Buffer.concat([Buffer.alloc(12, 2), u16(type), rest]))],
  'cooked v1': [
    linkTypes.linux_sll,
    network.map(([type, rest]) => Buffer.concat([Buffer.alloc(14, 1), u16(type), rest])),
  ],
  'cooked v2': [
    linkTypes.linux_sll2,
    network.map(([type, rest]) => Buffer.concat([u16(type), Buffer.alloc(18, 1), rest])),
  ],
  raw: [linkTypes.raw, ip],
  'raw 12': [linkTypes.raw_12, ip],
  'raw IPv4': [linkTypes.ipv4, ip],
  'raw IPv6': [linkTypes.ipv6, ip],
  'BSD loopback': [
    linkTypes.null,
    concat(
      fc.constantFrom(2, 24, 28, 30, 7).map((family) => Buffer.of(family, 0, 0, 0)),
      ip,
    ),
  ],
  'OpenBSD loopback': [
    linkTypes.loop,
    concat(
      fc.constantFrom(2, 24, 28, 30, 7).map((family) => Buffer.of(0, 0, 0, family)),
      ip,
    ),
  ],
  PPP: [
    linkTypes.ppp,
    concat(
      fc.constantFrom(0x21, 0x57, 0xc021).map((type) => Buffer.of(0xff, 3, type >> 8, type & 255)),
      ip,
    ),
  ],
};

type Predicate = (peek: Peek, data: Uint8Array) => boolean;
const isIp = ({ network }: Peek): boolean => network === ipv4 || network === ipv6;
const hasPort: Predicate = (peek) =>
  isIp(peek) && (peek.network === ipv4 || peek.transport_offset === peek.network_offset + 40);
const at = (offset: number, length: number, data: Uint8Array): string =>
  offset < 0 ? '' : Buffer.from(data.subarray(offset, offset + length)).toString('hex');

/** libpcap's filters, and what a peek says instead. */
const filters: Readonly<Record<string, Predicate>> = {
  ip: ({ network }) => network === ipv4,
  ip6: ({ network }) => network === ipv6,
  arp: ({ network }) => network === arp,
  rarp: ({ network }) => network === rarp,
  'src host 10.0.0.1': ({ address_length, source_offset }, data) =>
    address_length === 4 && at(source_offset, 4, data) === '0a000001',
  'dst host 192.168.1.1': ({ address_length, destination_offset }, data) =>
    address_length === 4 && at(destination_offset, 4, data) === 'c0a80101',
  'ip src net 10.0.0.0/8': ({ network, source_offset }, data) =>
    network === ipv4 && at(source_offset, 1, data) === '0a' && at(source_offset, 4, data).length === 8,
  'src host 2001:db8::2': ({ source_offset, address_length }, data) =>
    address_length === 16 && at(source_offset, 16, data) === `20010db8${'00'.repeat(11)}02`,
  'dst host 2001:db8::3': ({ destination_offset, address_length }, data) =>
    address_length === 16 && at(destination_offset, 16, data) === `20010db8${'00'.repeat(11)}03`,
  ...Object.fromEntries(
    [6, 17, 132, 44, 0].flatMap((number): [string, Predicate][] => [
      [`ip proto ${number}`, (peek) => peek.network === ipv4 && peek.protocol === number],
      [
        `ip6 proto ${number}`,
        (peek) => peek.network === ipv6 && (peek.protocol === number || peek.fragment_protocol === number),
      ],
    ]),
  ),
  'src port 80': (peek, data) => hasPort(peek, data) && peek.source_port === 80,
  'dst port 53': (peek, data) => hasPort(peek, data) && peek.destination_port === 53,
};

function peekAll(linktype: number, packets: readonly SamplePacket[]): Peek[] {
  return packets.map(({ data }) => {
    const peek = createPeek();
    peekPacket(linktype, new DataView(data.buffer, data.byteOffset, data.length), 0, data.length, peek);
    return peek;
  });
}

/** Compares filters, at each depth of tags, with what tcpdump finds in the file. Returns how many packets matched. */
function compare(
  where: string,
  linktype: number,
  packets: readonly SamplePacket[],
  asked: Readonly<Record<string, Predicate>> = filters,
): number {
  const path = scratch(`${where}.pcap`, buildPcap(packets, { linktype }));
  const peeks = peekAll(linktype, packets);
  const depths = linktype === linkTypes.ethernet ? ['', 'vlan and ', 'vlan and vlan and '] : [''];
  let matches = 0;
  for (const [depth, prefix] of depths.entries()) {
    for (const [filter, predicate] of Object.entries(asked)) {
      const text = `${prefix}(${filter})`;
      const { stdout, stderr, status } = runTool('tcpdump', ['-n', '-r', path, '--nano', '-w', '-', text]);
      // An expression that a link type rules out is refused in whole.
      if (status !== 0) expect(stderr).toMatch(/expression rejects all packets/);
      const theirs = status === 0 ? parsePcap(stdout).packets.map(({ time }) => time) : [];
      const ours = packets.filter(({ data }, index) => {
        const peek = peeks[index];
        return peek !== undefined && peek.tags === depth && predicate(peek, data);
      });
      expect({ where, text, times: ours.map(({ time }) => time) }).toEqual({ where, text, times: theirs });
      matches += theirs.length;
    }
  }
  return matches;
}

/** Filters for an address, a port and a protocol of a packet, and for its networks, with what a peek says instead. */
function filtersOf(peek: Peek, data: Uint8Array): Readonly<Record<string, Predicate>> {
  const { address_length: length, source_offset, destination_offset, source_port, destination_port } = peek;
  const made: Record<string, Predicate> = {};
  for (const offset of [source_offset, destination_offset].filter((one) => one >= 0)) {
    const wanted = at(offset, length, data);
    const bytes = [...data.subarray(offset, offset + length)];
    const text = length === 4 ? bytes.join('.') : (wanted.match(/..../g) ?? []).join(':');
    const is = (of: Peek, where: number, from: Uint8Array): boolean =>
      of.address_length === length && at(where, length, from) === wanted;
    made[`src host ${text}`] = (of, from) => is(of, of.source_offset, from);
    made[`dst host ${text}`] = (of, from) => is(of, of.destination_offset, from);
    made[`host ${text}`] = (of, from) => is(of, of.source_offset, from) || is(of, of.destination_offset, from);
    // Of an address that is cut off libpcap would compare the words that are there; IPv4's is one word.
    if (length !== 4) continue;
    const near = (of: Peek, where: number, from: Uint8Array): boolean =>
      of.address_length === 4 && at(where, 4, from).slice(0, 6) === wanted.slice(0, 6) && where >= 0;
    made[`net ${bytes.slice(0, 3).join('.')}.0/24`] = (of, from) =>
      near(of, of.source_offset, from) || near(of, of.destination_offset, from);
  }
  for (const port of [source_port, destination_port].filter((one) => one >= 0)) {
    made[`src port ${port}`] = (of, from) => hasPort(of, from) && of.source_port === port;
    made[`dst port ${port}`] = (of, from) => hasPort(of, from) && of.destination_port === port;
    made[`port ${port}`] = (of, from) => hasPort(of, from) && (of.source_port === port || of.destination_port === port);
  }
  for (const number of [peek.protocol, peek.fragment_protocol].filter((one) => one >= 0)) {
    made[`ip proto ${number}`] = (of) => of.network === ipv4 && of.protocol === number;
    made[`ip6 proto ${number}`] = (of) =>
      of.network === ipv6 && (of.protocol === number || of.fragment_protocol === number);
  }
  return made;
}

/** The fixtures' frames as files of several link types. */
function fixtureFiles(): readonly (readonly [name: string, linktype: number, packets: readonly SamplePacket[]])[] {
  const frames = [...protocolFrames(), ...tunnelFrames().filter((_, index) => index % 9 === 0)].map(
    ({ bytes }) => bytes,
  );
  const cooked = frames.map((frame) => Buffer.concat([Buffer.alloc(14, 1), frame.subarray(12)]));
  const cooked2 = frames.map((frame) =>
    Buffer.concat([frame.subarray(12, 14), Buffer.alloc(18, 1), frame.subarray(14)]),
  );
  const raw = frames
    .filter((frame) => [ipv4, ipv6].includes((frame[12] ?? 0) * 256 + (frame[13] ?? 0)))
    .map((frame) => frame.subarray(14));
  const loop = raw.map((packet) => Buffer.concat([Buffer.of(0, 0, 0, (packet[0] ?? 0) >> 4 === 6 ? 24 : 2), packet]));
  const packets = (all: readonly Uint8Array[]): readonly SamplePacket[] =>
    all.map((data, index) => ({ time: BigInt(index), original: data.length, data: Uint8Array.from(data) }));
  return [
    ['Ethernet', linkTypes.ethernet, packets(frames)],
    ['cooked v1', linkTypes.linux_sll, packets(cooked)],
    ['cooked v2', linkTypes.linux_sll2, packets(cooked2)],
    ['raw', linkTypes.raw, packets(raw)],
    ['OpenBSD loopback', linkTypes.loop, packets(loop)],
  ];
}

type FileOf = [where: string, linktype: number, packets: readonly SamplePacket[]];

/** All packets of the files of other projects by link type, each at a time of its own. */
function corpusByLinktype(): ReadonlyMap<number, readonly SamplePacket[]> {
  const files = corpus().map((path) => readPackets([readFileSync(path)]));
  const types = Map.groupBy(files, ({ reader }) => reader.interfaces[0]?.linktype ?? -1);
  return new Map(
    [...types].map(([linktype, same]) => [
      linktype,
      same.flatMap(({ packets }) => packets).map((packet, index) => ({ ...packet, time: BigInt(index) })),
    ]),
  );
}

/** Takes filters from packets here and there in a file and compares them with tcpdump. Gives how many packets matched. */
function compareOwn(where: string, linktype: number, packets: readonly SamplePacket[], most: number): number {
  const peeks = peekAll(linktype, packets);
  const all = new Map(
    packets.flatMap(({ data }, index) => {
      const peek = peeks[index];
      return peek === undefined ? [] : Object.entries(filtersOf(peek, data));
    }),
  );
  const length = Math.min(most, all.size);
  const some = fc.shuffledSubarray([...all], { minLength: length, maxLength: length });
  const asked = Object.fromEntries(fc.sample(some, { numRuns: 1, seed }).flat());
  return compare(where, linktype, packets, asked);
}

describe('agrees with libpcap', () => {
  test.each(fixtureFiles())('on filters taken from the packets of the fixtures, on %s', (name, linktype, packets) => {
    expect(compareOwn(`fixtures on ${name}`, linktype, packets, runs(40))).toBeGreaterThan(10 * Math.min(1, soak));
  });

  test.each(Object.entries(linkLayers))('on %s', (name, [linktype, arbitrary]) => {
    const cut = fc.tuple(arbitrary, fc.oneof({ weight: 2, arbitrary: fc.constant(999) }, fc.nat(80)));
    const packets = fc.sample(cut, { numRuns: runs(1500), seed }).map(([data, length], index) => ({
      time: BigInt(index),
      original: data.length,
      data: Uint8Array.from(data.subarray(0, length)),
    }));
    expect(compare(`${name}, seed ${seed}`, linktype, packets)).toBeGreaterThan(packets.length / 4);
  });

  // Another project's files: used where they are, needed nowhere.
  if (corpus().length > 0)
    test.each([
      ['the same filters', (...file: FileOf) => compare(...file)],
      ['filters taken from their packets', (...file: FileOf) => compareOwn(...file, runs(40))],
    ])('on the files of other projects, for %s', (_, compareWith) => {
      const types = corpusByLinktype();
      expect(types.size).toBeGreaterThan(4);
      for (const [linktype, packets] of types) compareWith(`corpus ${linktype}`, linktype, packets);
    });
});

describe('beyond libpcap', () => {
  const peekOf = (linktype: number, ...parts: (Uint8Array | number[])[]): Peek => {
    const data = Uint8Array.from(parts.flatMap((part) => [...part]));
    const peek = createPeek();
    peekPacket(linktype, new DataView(data.buffer), 0, data.length, peek);
    return peek;
  };
  const addresses = new Uint8Array(32);
  const base = (next: number): number[] => [0x60, 0, 0, 0, 0, 0, next, 64, ...addresses];
  const ports = [0, 80, 1, 187];

  test('IPv6 extension headers are walked to the transport', () => {
    const hop = [43, 0, ...new Uint8Array(6)];
    const routing = [51, 1, ...new Uint8Array(14)];
    const authentication = [44, 2, ...new Uint8Array(14)];
    const first = [60, 0, 0, 1, 0, 0, 0, 9];
    const options = [6, 0, ...new Uint8Array(6)];
    const peek = peekOf(linkTypes.raw, base(0), hop, routing, authentication, first, options, ports);
    const offset = 40 + 8 + 16 + 16 + 8 + 8;
    expect(peek).toMatchObject({ protocol: 0, fragment_protocol: -1, transport: 6, transport_offset: offset });
    expect([peek.source_port, peek.destination_port]).toEqual([80, 443]);
  });

  test('a later fragment has a protocol and no ports', () => {
    const peek = peekOf(linkTypes.raw, base(44), [17, 0, 0, 8, 0, 0, 0, 1], ports);
    expect(peek).toMatchObject({
      protocol: 44,
      fragment_protocol: 17,
      transport: 17,
      transport_offset: -1,
      source_port: -1,
    });
  });

  test('an address that is cut off is none, though libpcap would match a network by the words that are there', () => {
    const cut = peekOf(linkTypes.raw, base(6).slice(0, 39));
    expect(cut).toMatchObject({ address_length: 16, source_offset: 8, destination_offset: -1, protocol: 6 });
  });

  test('a chain that is cut off leads to no transport', () => {
    expect(peekOf(linkTypes.raw, base(0), [6])).toMatchObject({ protocol: 0, transport: -1, transport_offset: -1 });
    expect(peekOf(linkTypes.raw, base(44), [6, 0, 0, 0])).toMatchObject({ fragment_protocol: 6, transport: -1 });
  });

  test('tags behind a cooked header are passed, no more than two anywhere', () => {
    const vlan = (type: number): number[] => [0, 7, ...u16(type)];
    const cooked = [...new Uint8Array(14), 0x81, 0];
    expect(peekOf(linkTypes.linux_sll, cooked, vlan(0x0806), addresses)).toMatchObject({
      tags: 1,
      network: 0x0806,
      source_offset: 34,
    });
    const ethernet = [...new Uint8Array(12), 0x88, 0xa8];
    const deep = peekOf(linkTypes.ethernet, ethernet, vlan(0x8100), vlan(0x8100), vlan(0x0800), addresses);
    expect(deep).toMatchObject({ tags: 2, network: 0x8100, address_length: 0 });
    expect(peekOf(linkTypes.ethernet, ethernet, [0, 7, 8])).toMatchObject({ tags: 0, network: -1 });
  });

  test('a loopback header may be of a host of the other byte order, PPP may come without framing', () => {
    expect(peekOf(linkTypes.null, [0, 0, 0, 2], [0x45])).toMatchObject({ network: 0x0800, network_offset: 4 });
    expect(peekOf(linkTypes.null, [30, 0, 0, 0], [0x60])).toMatchObject({ network: 0x86dd, network_offset: 4 });
    expect(peekOf(linkTypes.ppp, [0, 0x57], [0x60])).toMatchObject({ network: 0x86dd, network_offset: 2 });
  });

  test('an unknown link type has nothing to see, and what came before is forgotten', () => {
    const peek = createPeek();
    const data = Uint8Array.from([...base(17), ...ports]);
    peekPacket(linkTypes.raw, new DataView(data.buffer), 0, data.length, peek);
    expect(peek.transport).toBe(17);
    peekPacket(127, new DataView(data.buffer), 0, data.length, peek);
    expect(peek).toEqual(createPeek());
  });
});

test('an IP packet without a link header is peeked into as on link type RAW', () => {
  fc.assert(
    fc.property(fc.oneof(packet4, packet6), fc.nat(60), (packet, length) => {
      const data = Uint8Array.from(packet.subarray(0, length));
      const version = (data[0] ?? 0) >> 4 === 6 ? 6 : 4;
      const [expected, peek] = [createPeek(), createPeek()];
      peekPacket(version === 4 ? linkTypes.ipv4 : linkTypes.ipv6, new DataView(data.buffer), 0, data.length, expected);
      peekIp(version, new DataView(data.buffer), 0, data.length, peek);
      expect(peek).toEqual(expected);
    }),
    { numRuns: runs(1000) },
  );
});

test('nothing outside of a packet is read, whatever is in it', () => {
  const cases = fc.tuple(fc.constantFrom(...Object.values(linkLayers)), fc.nat(120), bytes(40), bytes(40));
  fc.assert(
    fc.property(
      cases.chain(([[linktype, arbitrary], length, before, after]) =>
        fc.record({
          linktype: fc.constant(linktype),
          data: arbitrary.map((data) => data.subarray(0, length)),
          before: fc.constant(before),
          after: fc.constant(after),
        }),
      ),
      ({ linktype, data, before, after }) => {
        // The packet alone, whose end is the buffer's end: a read beyond it would throw.
        const alone = Uint8Array.from(data);
        const expected = createPeek();
        peekPacket(linktype, new DataView(alone.buffer), 0, alone.length, expected);
        const around = Uint8Array.from(Buffer.concat([before, data, after]));
        const peek = createPeek();
        peekPacket(linktype, new DataView(around.buffer), before.length, data.length, peek);
        const shifted = Object.entries(peek).map(([key, value]) => [
          key,
          key.endsWith('_offset') && value >= 0 ? Number(value) - before.length : value,
        ]);
        expect(Object.fromEntries(shifted)).toEqual(expected);
      },
    ),
    { numRuns: runs(3000) },
  );
});
