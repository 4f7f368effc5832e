import { assert, constantFrom, property, record } from 'fast-check';
import { describe, expect, test } from 'vitest';
import { runBpf } from '../../test/support/bpf_machine.ts';
import { type IpNetwork, networkHas, parseIp, parseNetwork } from '../model/ip_address.ts';
import type { OwnTraffic } from './own_traffic.ts';
import { accept, ancillary, encodeInstructions } from './program.ts';
import { rejectOwn } from './reject_own.ts';

const networks = (...texts: readonly string[]): IpNetwork[] =>
  texts.map(parseNetwork).filter((network) => network !== undefined);

const here: OwnTraffic = {
  ports: [
    [8787, 8787],
    [65_472, 65_503],
  ],
  ipv4: networks('127.0.0.0/8', '192.0.2.1', '192.0.2.9'),
  ipv6: networks('::1', '2001:db8::1', 'fe80::/10'),
};
const metrics: OwnTraffic = { ports: [[9090, 9090]], ipv4: networks('192.0.2.9'), ipv6: [] };

interface Packet {
  readonly from: string;
  readonly to: string;
  readonly from_port: number;
  readonly to_port: number;
  readonly protocol: number;
  readonly options_bytes: number;
  readonly fragment: number;
}

const plain: Packet = {
  from: '192.0.2.7',
  to: '192.0.2.1',
  from_port: 40_000,
  to_port: 8787,
  protocol: 6,
  options_bytes: 0,
  fragment: 0,
};

/** IP and the first of what it carries. */
function ipPacket(packet: Packet): Uint8Array {
  const [from, to] = [parseIp(packet.from) ?? new Uint8Array(), parseIp(packet.to) ?? new Uint8Array()];
  const header = new Uint8Array(from.length === 4 ? 20 + packet.options_bytes : 40);
  const view = new DataView(header.buffer);
  if (from.length === 4) {
    view.setUint8(0, 0x40 + header.length / 4);
    view.setUint16(6, packet.fragment);
    view.setUint8(9, packet.protocol);
    header.set(from, 12);
    header.set(to, 16);
  } else {
    view.setUint8(0, 0x60);
    view.setUint8(6, packet.protocol);
    header.set(from, 8);
    header.set(to, 24);
  }
  const carried = new Uint8Array(20);
  new DataView(carried.buffer).setUint16(0, packet.from_port);
  new DataView(carried.buffer).setUint16(2, packet.to_port);
  return Uint8Array.of(...header, ...carried);
}

function frame(packet: Packet, tags: readonly number[] = []): Uint8Array {
  const type = packet.from.includes(':') ? 0x86dd : 0x0800;
  const middle = tags.flatMap((tag) => [tag >> 8, tag & 0xff, 0, 7]);
  return Uint8Array.of(...new Uint8Array(12).fill(2), ...middle, type >> 8, type & 0xff, ...ipPacket(packet));
}

function passes(bytes: Uint8Array, groups: readonly OwnTraffic[], linktype = 1, protocol = 0): boolean {
  const program = encodeInstructions([...rejectOwn(linktype, groups), accept(1)]);
  return runBpf(program, { bytes, facts: new Map([[ancillary.protocol, protocol]]), in_kernel: true }) === 1;
}

describe('its own ports on addresses of this host', () => {
  test.each<[string, Partial<Packet>, boolean]>([
    ['a request', {}, false],
    ['an answer', { from: '192.0.2.1', to: '192.0.2.7', from_port: 8787, to_port: 40_000 }, false],
    ['over loopback', { from: '127.0.0.1', to: '127.9.9.9' }, false],
    ['with options', { options_bytes: 40 }, false],
    ['an upload', { from: '192.0.2.9', to: '198.51.100.1', from_port: 65_480, to_port: 443 }, false],
    ['the first of the range', { from: '192.0.2.9', to: '198.51.100.1', from_port: 65_472, to_port: 443 }, false],
    ['the last of it', { from: '192.0.2.9', to: '198.51.100.1', from_port: 65_503, to_port: 443 }, false],
    ['behind it', { from: '192.0.2.9', to: '198.51.100.1', from_port: 65_504, to_port: 443 }, true],
    ['before it', { from: '192.0.2.9', to: '198.51.100.1', from_port: 65_471, to_port: 443 }, true],
    ['the port of another host', { to: '192.0.2.2' }, true],
    ['to the same port elsewhere, from here', { from: '192.0.2.1', to: '192.0.2.7' }, true],
    ['from the same port elsewhere', { from_port: 8787, to_port: 80 }, true],
    ['the same port at both ends', { from: '192.0.2.1', to: '192.0.2.7', from_port: 8787 }, false],
    ['UDP', { protocol: 17 }, true],
    ['a later fragment', { fragment: 100 }, true],
    ['the first fragment', { fragment: 0x2000 }, false],
    ['another group, its address', { to: '192.0.2.9', to_port: 9090 }, false],
    ['another group, not its address', { to: '192.0.2.1', to_port: 9090 }, true],
    ['IPv6', { from: '2001:db8::7', to: '2001:db8::1' }, false],
    ['IPv6, an answer', { from: '2001:db8::1', to: '2001:db8::7', from_port: 8787, to_port: 1 }, false],
    ['IPv6, link-local', { from: 'fe80::7', to: 'fe80::1' }, false],
    ['IPv6, another host', { from: '2001:db8::7', to: '2001:db8::2' }, true],
    ['IPv6, UDP', { from: '2001:db8::7', to: '2001:db8::1', protocol: 17 }, true],
  ])('%s', (_name, change, passing) => {
    const packet = { ...plain, ...change };
    for (const tags of [[], [0x8100], [0x88a8, 0x8100]])
      expect(passes(frame(packet, tags), [here, metrics])).toBe(passing);
    for (const linktype of [101, 228, 229]) expect(passes(ipPacket(packet), [here, metrics], linktype)).toBe(passing);
    const protocol = packet.from.includes(':') ? 0x86dd : 0x0800;
    for (const linktype of [113, 276])
      expect(passes(ipPacket(packet), [here, metrics], linktype, protocol)).toBe(passing);
  });

  test('of too many addresses, whatever the address', () => {
    const any: OwnTraffic = { ports: here.ports, ipv4: 'any', ipv6: 'any' };
    expect(passes(frame({ ...plain, to: '203.0.113.1' }), [any])).toBe(false);
    expect(passes(frame({ ...plain, from: '2001:db8::7', to: '2001:db8::9' }), [any])).toBe(false);
    expect(passes(frame({ ...plain, to_port: 80 }), [any])).toBe(true);
  });
});

test('nothing is own: nothing is added', () => {
  expect(rejectOwn(1, [])).toEqual([]);
  expect(rejectOwn(1, [{ ports: [[1, 1]], ipv4: [], ipv6: [] }])).toEqual([]);
  expect(rejectOwn(127, [here])).toEqual([]);
});

test('a packet that is cut anywhere passes: no load of it fails', () => {
  for (const packet of [plain, { ...plain, options_bytes: 40 }, { ...plain, from: '2001:db8::7', to: '2001:db8::1' }]) {
    for (const tags of [[], [0x8100], [0x88a8, 0x8100]]) {
      const whole = frame(packet, tags);
      const tcp_from = whole.length - 20;
      for (let length = 0; length < tcp_from + 4; length += 1) {
        expect(passes(whole.subarray(0, length), [here])).toBe(true);
      }
      expect(passes(whole, [here])).toBe(false);
    }
  }
});

test('is the same question as asking ports and addresses one by one', () => {
  const addresses = ['192.0.2.1', '192.0.2.2', '192.0.2.9', '127.0.0.1', '128.0.0.1'];
  const addresses6 = ['2001:db8::1', '2001:db8::2', '::1', 'fe80::5', 'fec0::1'];
  const ports = [80, 8786, 8787, 8788, 9090, 65_471, 65_472, 65_503, 65_504];
  const isOwn = (address: string, port: number): boolean =>
    [here, metrics].some(
      (group) =>
        group.ports.some(([first, last]) => port >= first && port <= last) &&
        [group.ipv4, group.ipv6].some(
          (of) => of !== 'any' && of.some((network) => networkHas(network, parseIp(address) ?? new Uint8Array())),
        ),
    );
  const endOf = (texts: readonly string[]) => record({ address: constantFrom(...texts), port: constantFrom(...ports) });
  for (const texts of [addresses, addresses6]) {
    assert(
      property(endOf(texts), endOf(texts), constantFrom(6, 17), (from, to, protocol) => {
        const packet = {
          ...plain,
          from: from.address,
          to: to.address,
          from_port: from.port,
          to_port: to.port,
          protocol,
        };
        const own = protocol === 6 && (isOwn(from.address, from.port) || isOwn(to.address, to.port));
        return passes(frame(packet), [here, metrics]) === !own;
      }),
      { numRuns: 500 },
    );
  }
});
