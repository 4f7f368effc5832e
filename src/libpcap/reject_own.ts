import type { IpNetwork } from '../model/ip_address.ts';
import { assemble, type Line } from './assemble.ts';
import type { OwnTraffic } from './own_traffic.ts';
import { ancillary, codes, type Instruction } from './program.ts';

const tcp = 6;
const [ipv4, ipv6] = [0x0800, 0x86dd];
const tags = [0x8100, 0x88a8];
/** LINKTYPE_ numbers. */
const [ethernet, raw, raw_ipv4, raw_ipv6, cooked, cooked2] = [1, 101, 228, 229, 113, 276];
/** The shortest headers: Ethernet's, IPv4's, IPv6's and TCP's. */
const [ethernet_bytes, ipv4_bytes, ipv6_bytes, tcp_bytes] = [14, 20, 40, 20];
/** Where the fields are in a header of IP. */
const [fragment_at, next_header_at, protocol_at] = [6, 6, 9];
/** Cells of the machine's memory: where the network header begins, and where TCP's does. */
const [network_cell, transport_cell] = [0, 1];

/** One end of a packet: where its address is in the network header, and its port in TCP's. */
const ends = {
  ipv4: { to: { address: 16, port: 2 }, from: { address: 12, port: 0 } },
  ipv6: { to: { address: 24, port: 2 }, from: { address: 8, port: 0 } },
} as const;

/**
 * Instructions that reject the TCP packets of edgetap's own ports on addresses of this host, and go on behind their end with all others:
 * to be put in front of a live filter. A packet that is not TCP passes within seven of them, one of no own port within some thirty.
 *
 * Known are IPv4 and IPv6 behind up to two VLAN tags in the packet (and any that are kept beside it). A packet inside a tunnel, one
 * behind an extension header of IPv6, and a later fragment pass. No load of them can fail: that would reject the packet.
 *
 * @param linktype LINKTYPE_ number; there is nothing to reject where it carries no IP
 */
export function rejectOwn(linktype: number, groups: readonly OwnTraffic[]): readonly Instruction[] {
  const named = (networks: readonly IpNetwork[] | 'any'): boolean => networks === 'any' || networks.length > 0;
  if (!groups.some((one) => named(one.ipv4) || named(one.ipv6))) return [];
  const head = headOf(linktype);
  if (head === undefined) return [];
  return assemble([
    ...head,
    { label: 'other' },
    { code: codes.jump, to: 'end' },
    { label: 'six' },
    { code: codes.jump, to: 'ipv6' },
    { label: 'four' },
    ...ipv4Lines(),
    ...groups.flatMap((group, index) => groupLines(`4 ${index}`, group.ports, group.ipv4, ends.ipv4)),
    { code: codes.jump, to: 'end' },
    { label: 'ipv6' },
    ...ipv6Lines(),
    ...groups.flatMap((group, index) => groupLines(`6 ${index}`, group.ports, group.ipv6, ends.ipv6)),
    { label: 'end' },
  ]);
}

/** Finds the network header and puts its place into X. The cheapest question comes first. */
function headOf(linktype: number): readonly Line[] | undefined {
  const longEnough = (bytes: number): readonly Line[] => [
    { code: codes.load_length },
    { code: codes.jump_if_at_least, k: bytes, no: 'other' },
  ];
  if (linktype === ethernet) {
    return [
      ...longEnough(ethernet_bytes + ipv4_bytes + tcp_bytes),
      ...[14, 18, 22].flatMap((place): readonly Line[] => [
        { label: `at ${place}` },
        { code: codes.set_x, k: place },
        { code: codes.load_half, k: place - 2 },
        { code: codes.jump_if_equal, k: ipv4, yes: 'four' },
        { code: codes.jump_if_equal, k: ipv6, yes: 'six' },
        ...(place === 22 ? [] : tags.map((k) => ({ code: codes.jump_if_equal, k, yes: `at ${place + 4}` }))),
        { code: codes.jump, to: 'other' },
      ]),
    ];
  }
  const choose = (four: number, six: number): readonly Line[] => [
    { code: codes.jump_if_equal, k: four, yes: 'four' },
    { code: codes.jump_if_equal, k: six, yes: 'six' },
  ];
  const first: readonly Line[] = [...longEnough(ipv4_bytes + tcp_bytes), { code: codes.set_x, k: 0 }];
  if ([raw, raw_ipv4, raw_ipv6].includes(linktype)) {
    return [...first, { code: codes.load_byte, k: 0 }, { code: codes.and, k: 0xf0 }, ...choose(0x40, 0x60)];
  }
  // The kernel's filter sees cooked packets from their network header on, and knows the protocol beside them.
  if (![cooked, cooked2].includes(linktype)) return undefined;
  return [...first, { code: codes.load_word, k: ancillary.protocol }, ...choose(ipv4, ipv6)];
}

/** Goes on only with TCP whose ports are there; leaves the place of TCP's header in X. */
function ipv4Lines(): readonly Line[] {
  return [
    { code: codes.load_byte_indirect, k: protocol_at },
    { code: codes.jump_if_equal, k: tcp, no: 'no tcp' },
    { code: codes.load_half_indirect, k: fragment_at },
    { code: codes.jump_if_any, k: 0x1fff, yes: 'no tcp' },
    { code: codes.store_x, k: network_cell },
    { code: codes.load_byte_indirect, k: 0 },
    { code: codes.and, k: 0x0f },
    { code: codes.shift_left, k: 2 },
    { code: codes.add_x },
    { code: codes.store, k: transport_cell },
    { code: codes.to_x },
    { code: codes.load_length },
    { code: codes.subtract_x },
    { code: codes.jump_if_at_least, k: 0x8000_0000, yes: 'no tcp' },
    { code: codes.jump_if_at_least, k: 4, yes: 'tcp 4' },
    { label: 'no tcp' },
    { code: codes.jump, to: 'end' },
    { label: 'tcp 4' },
  ];
}

function ipv6Lines(): readonly Line[] {
  return [
    { code: codes.load_length },
    { code: codes.subtract_x },
    // One that has no room for both headers: the tags of a short IPv4 packet may look like it.
    { code: codes.jump_if_at_least, k: 0x8000_0000, yes: 'no tcp 6' },
    { code: codes.jump_if_at_least, k: ipv6_bytes + tcp_bytes, no: 'no tcp 6' },
    { code: codes.load_byte_indirect, k: next_header_at },
    { code: codes.jump_if_equal, k: tcp, yes: 'tcp 6' },
    { label: 'no tcp 6' },
    { code: codes.jump, to: 'end' },
    { label: 'tcp 6' },
    { code: codes.store_x, k: network_cell },
    { code: codes.set_a, k: ipv6_bytes },
    { code: codes.add_x },
    { code: codes.store, k: transport_cell },
    { code: codes.to_x },
  ];
}

/** Rejects where one end has a port and an address of the group. X is the place of TCP's header, before and after. */
function groupLines(
  name: string,
  ports: OwnTraffic['ports'],
  networks: readonly IpNetwork[] | 'any',
  { to, from }: (typeof ends)['ipv4' | 'ipv6'],
): readonly Line[] {
  if (networks !== 'any' && networks.length === 0) return [];
  return [to, from].flatMap(({ address, port }, index): readonly Line[] => {
    const label = (what: string | number): string => `${name} ${index} ${what}`;
    return [
      { code: codes.load_half_indirect, k: port },
      ...ports.flatMap(([first, last], at): readonly Line[] =>
        first === last
          ? [{ code: codes.jump_if_equal, k: first, yes: label('own') }]
          : [
              { code: codes.jump_if_at_least, k: first, no: label(`port ${at}`) },
              { code: codes.jump_if_greater, k: last, no: label('own') },
              { label: label(`port ${at}`) },
            ],
      ),
      { code: codes.jump, to: label('over') },
      { label: label('own') },
      ...(networks === 'any' ? [{ code: codes.return_constant, k: 0 }] : addressLines(label, networks, address)),
      { label: label('over') },
    ];
  });
}

/** Rejects where the address is in one of the networks. */
function addressLines(label: (what: string) => string, networks: readonly IpNetwork[], place: number): readonly Line[] {
  const reject = label('reject');
  const isHost = ({ address, prefix_bits }: IpNetwork): boolean => address.length === 4 && prefix_bits === 32;
  const hosts = networks.filter(isHost);
  const wider = networks.filter((network) => !isHost(network));
  return [
    { code: codes.load_x, k: network_cell },
    ...wider.flatMap((network, index): readonly Line[] => {
      const next = label(`network ${index}`);
      return [
        ...wordsOf(network).flatMap(({ value, mask }, word): readonly Line[] =>
          mask === 0
            ? []
            : [
                { code: codes.load_word_indirect, k: place + 4 * word },
                ...(mask === 0xffff_ffff ? [] : [{ code: codes.and, k: mask }]),
                { code: codes.jump_if_equal, k: value, no: next },
              ],
        ),
        { code: codes.return_constant, k: 0 },
        { label: next },
      ];
    }),
    { code: codes.load_word_indirect, k: place },
    ...hosts.flatMap((network) =>
      wordsOf(network).map(({ value }): Line => ({ code: codes.jump_if_equal, k: value, yes: reject })),
    ),
    { code: codes.jump, to: label('back') },
    { label: reject },
    { code: codes.return_constant, k: 0 },
    { label: label('back') },
    { code: codes.load_x, k: transport_cell },
  ];
}

/** A network as 32-bit words, with the bits of each that count. */
function wordsOf({ address, prefix_bits }: IpNetwork): readonly { readonly value: number; readonly mask: number }[] {
  const view = new DataView(address.buffer, address.byteOffset, address.length);
  return Array.from({ length: address.length / 4 }, (_, word) => {
    const bits = Math.min(32, Math.max(0, prefix_bits - 32 * word));
    const mask = bits === 0 ? 0 : (0xffff_ffff << (32 - bits)) >>> 0;
    return { value: view.getUint32(4 * word), mask };
  });
}
