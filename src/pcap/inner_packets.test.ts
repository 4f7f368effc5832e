import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

import { frame } from '../../test/fixtures/protocol_frames.ts';
import { type InnerAddresses, tunnelFrames } from '../../test/fixtures/tunnel_frames.ts';
import { buildPcap, parsePcap, type SamplePacket } from '../../test/support/packet_samples.ts';
import { corpus, runTool, scratchFolder } from '../../test/support/packet_tools.ts';
import { readPackets } from '../../test/support/read_packets.ts';
import { createInnerPackets, findInnerPackets } from './inner_packets.ts';
import { linkTypes } from './link_type.ts';
import { createPeek, type Peek, peekIp, peekPacket } from './peek.ts';

const scratch = scratchFolder();
const frames = tunnelFrames();

interface Found {
  readonly version: number;
  readonly at: number;
  readonly source: string;
  readonly destination: string;
}

const viewOf = (data: Uint8Array): DataView => new DataView(data.buffer, data.byteOffset, data.length);

function peeked(linktype: number, data: Uint8Array, start = 0, length = data.length): Peek {
  const peek = createPeek();
  peekPacket(linktype, viewOf(data), start, length, peek);
  return peek;
}

/** What is found in a packet, with the addresses that each inner packet shows. */
function found(linktype: number, data: Uint8Array, start = 0, length = data.length): Found[] {
  const inner = createInnerPackets();
  const view = viewOf(data);
  findInnerPackets(view, start, length, peeked(linktype, data, start, length), inner);
  return Array.from({ length: inner.count }, (_, index) => {
    const at = inner.offsets[index] ?? -1;
    const version = inner.versions[index] === 4 ? 4 : 6;
    const peek = createPeek();
    peekIp(version, view, at, start + length - at, peek);
    return { version, at: at - start, ...addressesOf(peek, data) };
  });
}

function addressesOf(peek: Peek, data: Uint8Array): { source: string; destination: string } {
  const text = (at: number): string => addressText(at < 0 ? [] : [...data.subarray(at, at + peek.address_length)]);
  return { source: text(peek.source_offset), destination: text(peek.destination_offset) };
}

function addressText(bytes: readonly number[]): string {
  if (bytes.length !== 16) return bytes.join('.');
  const words = Array.from({ length: 8 }, (_, at) =>
    (((bytes[2 * at] ?? 0) << 8) | (bytes[2 * at + 1] ?? 0)).toString(16),
  );
  return new URL(`http://[${words.join(':')}]`).hostname.slice(1, -1);
}

/** The addresses of all IP packets that tshark sees, by family, and its protocols from the outside in. */
function tsharkLayers(path: string): { ipv4: string[]; ipv6: string[]; protocols: string[] }[] {
  const fields = ['ip.src', 'ip.dst', 'ipv6.src', 'ipv6.dst', 'frame.protocols'].flatMap((field) => ['-e', field]);
  // A fragment is judged by itself, and Linux's own VXLAN port is one too.
  const options = ['-o', 'ip.defragment:FALSE', '-o', 'ipv6.defragment:FALSE', '-d', 'udp.port==8472,vxlan'];
  const { stdout, stderr, status } = runTool('tshark', ['-n', '-r', path, ...options, '-T', 'fields', ...fields]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return stdout
    .toString()
    .split('\n')
    .slice(0, -1)
    .map((line) => {
      const [source4 = [], destination4 = [], source6 = [], destination6 = []] = line
        .split('\t')
        .slice(0, 4)
        .map((text) => text.split(',').filter((one) => one !== ''));
      const joined = (from: string[], to: string[]): string[] => from.map((one, at) => `${one} > ${to[at]}`);
      return {
        ipv4: joined(source4, destination4),
        ipv6: joined(source6, destination6),
        protocols: (line.split('\t')[4] ?? '').split(':'),
      };
    });
}

const packets = (all: readonly { readonly bytes: Uint8Array }[]): SamplePacket[] =>
  all.map(({ bytes }, index) => ({ time: BigInt(index), original: bytes.length, data: bytes }));
/** Where tshark shows a packet that RFCs and receivers do not take, or, in the last one, no packet where the draft has one. */
const stricter = [
  /VXLAN without a network/,
  /with 3 tags/,
  /^3 tags/,
  /of version [12]/,
  /GRE with routes/,
  /frame in a frame/,
  /IP of another version/,
  /17 labels/,
  /PPPoE with a code/,
  /PPPoE of version 2/,
  /ERSPAN III of IP/,
];
const arrow = ({ source, destination }: Pick<InnerAddresses, 'source' | 'destination'>): string =>
  `${source} > ${destination}`;

describe('frames built by hand', () => {
  test('what is in them is found, where it was put', () => {
    expect(frames.length).toBeGreaterThan(4000);
    for (const { name, bytes, inner } of frames) {
      const seen = found(linkTypes.ethernet, bytes).map(({ version, source, destination }) => ({
        version,
        source,
        destination,
      }));
      expect({ name, seen }).toEqual({
        name,
        seen: inner.map(({ version, source, destination }) => ({ version, source, destination })),
      });
    }
  });

  test('tshark sees the same packets in them', () => {
    const path = scratch('tunnels.pcap', buildPcap(packets(frames)));
    const layers = tsharkLayers(path);
    expect(layers.length).toBe(frames.length);
    let agreed = 0;
    for (const [index, { name, outer, inner }] of frames.entries()) {
      if (stricter.some((pattern) => pattern.test(name))) continue;
      const all = outer === undefined ? inner : [outer, ...inner];
      const of = (family: 4 | 6): string[] => all.filter(({ version }) => version === family).map(arrow);
      const layer = layers[index];
      expect({ name, ipv4: layer?.ipv4, ipv6: layer?.ipv6 }).toEqual({ name, ipv4: of(4), ipv6: of(6) });
      agreed++;
    }
    expect(agreed).toBeGreaterThan(3000);
  });

  test.each([
    ['mpls', /^0 tags, MPLS IP/],
    ['mpls and mpls and mpls', /^0 tags, MPLS of 3 labels/],
    ['pppoes', /^0 tags, PPPoE IP/],
    ['vlan and mpls', /^1 tags, MPLS IP/],
  ])('libpcap matches %s where the packet behind it is found', (prefix, names) => {
    const some = frames.filter(({ name }) => names.test(name));
    expect(some.length).toBeGreaterThan(100);
    const path = scratch('some.pcap', buildPcap(packets(some)));
    for (const source of ['10.0.100.1', '10.0.103.1', '2001:db8:68::1', '2001:db8:6b::1']) {
      const { stdout, status } = runTool('tcpdump', [
        '-n',
        '-r',
        path,
        '--nano',
        '-w',
        '-',
        `${prefix} and src host ${source}`,
      ]);
      expect(status).toBe(0);
      const theirs = parsePcap(stdout).packets.map(({ time }) => Number(time));
      const ours = some.flatMap(({ bytes }, index) =>
        found(linkTypes.ethernet, bytes)[0]?.source === source ? [index] : [],
      );
      expect(ours.length).toBeGreaterThan(5);
      expect({ prefix, source, ours }).toEqual({ prefix, source, ours: theirs });
    }
  });

  test('libpcap matches geneve where the packet in it is found', () => {
    const some = frames.filter(({ name }) => /^0 tags, IPv[46] (Geneve|VXLAN|GTP)/.test(name));
    const path = scratch('geneve.pcap', buildPcap(packets(some)));
    for (const source of ['10.0.4.1', '2001:db8:6::1']) {
      const { stdout } = runTool('tcpdump', ['-n', '-r', path, '--nano', '-w', '-', `geneve and src host ${source}`]);
      const theirs = parsePcap(stdout).packets.map(({ time }) => some[Number(time)]?.name);
      const ours = some.filter(
        ({ name, bytes }) =>
          name.includes('Geneve') &&
          !name.includes('tagged') &&
          found(linkTypes.ethernet, bytes).at(-1)?.source === source,
      );
      expect(theirs).toEqual(ours.map(({ name }) => name));
      expect(theirs.length).toBeGreaterThan(3);
    }
  });

  test('the same behind other link-layer headers', () => {
    for (const { bytes, name } of frames.filter((_, index) => index % 7 === 0)) {
      const behindMacs = bytes.subarray(12);
      const cooked = Uint8Array.from([...Array<number>(14).fill(0), ...behindMacs]);
      const cooked2 = Uint8Array.from([
        ...behindMacs.subarray(0, 2),
        ...Array<number>(18).fill(0),
        ...behindMacs.subarray(2),
      ]);
      const expected = found(linkTypes.ethernet, bytes).map(({ at, ...rest }) => ({ ...rest, at: at - 14 }));
      const shifted = (by: number, all: Found[]): Found[] => all.map((one) => ({ ...one, at: one.at - by }));
      expect({ name, seen: shifted(16, found(linkTypes.linux_sll, cooked)) }).toMatchObject({ name, seen: expected });
      expect({ name, seen: shifted(20, found(linkTypes.linux_sll2, cooked2)) }).toMatchObject({ name, seen: expected });
      const { tags, network, network_offset } = peeked(linkTypes.ethernet, bytes);
      if (tags > 0 || (network !== 0x0800 && network !== 0x86dd)) continue;
      const raw = bytes.slice(network_offset);
      expect({ name, seen: found(linkTypes.raw, raw) }).toMatchObject({ name, seen: expected });
    }
  });
});

// Another project's files: used where they are, needed nowhere.
if (corpus().length > 0)
  test('tshark sees the same packets in the files of other projects', () => {
    const types = new Map<number, SamplePacket[]>();
    for (const path of corpus()) {
      const { reader, packets: all } = readPackets([readFileSync(path)]);
      const linktype = reader.interfaces[0]?.linktype ?? -1;
      types.set(linktype, [...(types.get(linktype) ?? []), ...all.map((one, at) => ({ ...one, time: BigInt(at) }))]);
    }
    const wrong: string[] = [];
    let inside = 0;
    for (const [linktype, all] of types) {
      const layers = tsharkLayers(scratch('corpus.pcap', buildPcap(all, { linktype })));
      for (const [index, { data }] of all.entries()) {
        const { ipv4, ipv6, protocols } = layers[index] ?? { ipv4: [], ipv6: [], protocols: [] };
        // It takes no bogus IP header, and shows the headers that ICMP errors and PIM registers quote.
        if (ipv4.length + ipv6.length === 0 || /(icmp|icmpv6|pim):ip/.test(protocols.join(':'))) continue;
        const peek = peeked(linktype, data);
        const seen = found(linktype, data);
        inside += seen.length;
        const ours = [
          ...(peek.address_length > 4 || peek.network === 0x0800 ? [addressesOf(peek, data)] : []),
          ...seen,
        ];
        const [here, there] = [ours.map(arrow).toSorted().join(), [...ipv4, ...ipv6].toSorted().join()];
        if (here !== there) wrong.push(`link type ${linktype}, packet ${index}: ${here}, not ${there}`);
      }
    }
    expect(wrong).toEqual([]);
    expect(inside).toBeGreaterThan(50);
  });

describe('nothing is taken on trust', () => {
  test('a frame that is cut off has what came before the cut, and what lies around it is never read', () => {
    const places = (all: readonly Found[]): string => all.map(({ at, version }) => `${version} at ${at}`).join();
    const wrong: string[] = [];
    const cuts = frames.flatMap(({ name, bytes }, index) => {
      const step = index % 31 === 0 ? 1 : 41;
      const count = Math.ceil((bytes.length - (index % step)) / step);
      return Array.from({ length: count }, (_, at) => ({ name, bytes, length: (index % step) + at * step }));
    });
    for (const { name, bytes, length } of cuts) {
      // The packet alone: a read beyond its end would throw.
      const alone = places(found(linkTypes.ethernet, bytes.slice(0, length)));
      const whole = found(linkTypes.ethernet, bytes).filter(({ at }) => at < length);
      if (alone !== places(whole)) wrong.push(`${name}, ${length}: ${alone}`);
      for (const guard of [0x00, 0xff, 0x45]) {
        const guarded = new Uint8Array(length + 32).fill(guard);
        guarded.set(bytes.subarray(0, length), 16);
        const seen = places(found(linkTypes.ethernet, guarded, 16, length));
        if (seen !== alone) wrong.push(`${name}, ${length} between ${guard}: ${seen}, not ${alone}`);
      }
    }
    expect(cuts.length).toBeGreaterThan(20_000);
    expect(wrong).toEqual([]);
  });

  test('what was found before is forgotten', () => {
    const inner = createInnerPackets();
    const [first] = frames.filter((one) => one.inner.length === 2);
    if (first === undefined) throw new Error('no frame has two');
    findInnerPackets(viewOf(first.bytes), 0, first.bytes.length, peeked(linkTypes.ethernet, first.bytes), inner);
    expect(inner.count).toBe(2);
    const arp = frame(0x0806, Array<number>(28).fill(1));
    findInnerPackets(viewOf(arp), 0, arp.length, peeked(linkTypes.ethernet, arp), inner);
    expect(inner.count).toBe(0);
  });
});
