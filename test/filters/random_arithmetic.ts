import * as fc from 'fast-check';

const addresses = ['10.0.0.1', '10.200.3.4', '192.0.2.7', '2001:db8::1', 'fe80::1'];
const networks = ['10.0.0.0/8', '10.0.0.0/31', '192.0.2.0/24', '2001:db8::/32', 'fe80::/10'];
const ports = [0, 53, 80, 443, 65_535];

const number = fc.oneof(fc.nat(20), fc.nat(300), fc.nat(70_000));
const direction = fc.constantFrom('', 'src ', 'dst ', 'src and dst ', 'src or dst ');

/** A byte, or two, or four, of some header; bytes whose place another byte tells; the length. */
const field = fc.oneof(
  fc.constantFrom('len', 'ip[0] & 0x0f', 'ip[ip[0] & 0x3f]', 'ether[ip[8] + 14]', 'tcp[tcpflags]', 'tcp[tcp[0]]', '1'),
  fc
    .tuple(
      fc.constantFrom('ether', 'ip', 'ip6', 'tcp', 'udp', 'icmp'),
      fc.nat(50),
      fc.constantFrom('', ':1', ':2', ':4'),
    )
    .map(([header, at, size]) => `${header}[${at}${size}]`),
);

/** Sums of all the operators; a division by a field may be one by zero. */
const sum: fc.Arbitrary<string> = fc.letrec<{ sum: string }>((tie) => ({
  sum: fc.oneof(
    { weight: 3, arbitrary: field },
    fc
      .tuple(
        tie('sum'),
        fc.constantFrom('+', '-', '*', '/', '%', '&', '|', '^'),
        fc.oneof(field, fc.integer({ min: 1, max: 9 })),
      )
      .map(([left, operator, right]) => `(${left}) ${operator} (${right})`),
    fc
      .tuple(tie('sum'), fc.constantFrom('<<', '>>'), fc.oneof(fc.nat(31), fc.constantFrom('ip[9]', 'ip[1]')))
      .map(([left, operator, right]) => `(${left}) ${operator} (${right})`),
  ),
})).sum;

const primitive: fc.Arbitrary<string> = fc.oneof(
  fc.tuple(direction, fc.constantFrom(...addresses)).map(([way, address]) => `${way}host ${address}`),
  fc.tuple(direction, fc.constantFrom(...networks)).map(([way, network]) => `${way}net ${network}`),
  fc.tuple(direction, fc.constantFrom(...ports)).map(([way, port]) => `${way}port ${port}`),
  fc.tuple(direction, fc.nat(100), fc.nat(1000)).map(([way, from, more]) => `${way}portrange ${from}-${from + more}`),
  fc.constantFrom('tcp', 'udp', 'sctp', 'ip', 'ip6', 'arp', 'rarp', 'icmp', 'icmp6', 'ip proto 47', 'ip6 proto 17'),
  fc.constantFrom(
    'ether src 02:00:00:00:00:02',
    'ether proto 0x88cc',
    'ip[6:2] & 0x1fff != 0',
    'mpls',
    'less 60',
    'greater 70',
  ),
  fc
    .tuple(sum, fc.constantFrom('=', '!=', '<', '<=', '>', '>='), fc.oneof(number, sum))
    .map((parts) => parts.join(' ')),
);

/** Texts of libpcap's language (pcap-filter(7)) for Ethernet, of every kind but `vlan`. Some match nothing, and libpcap sees that of some. */
export const randomArithmetic: fc.Arbitrary<string> = fc.letrec<{ text: string }>((tie) => ({
  text: fc.oneof(
    { maxDepth: 4 },
    { weight: 3, arbitrary: primitive },
    tie('text').map((text) => `not (${text})`),
    fc
      .tuple(tie('text'), fc.constantFrom('and', 'or'), tie('text'))
      .map(([left, joint, right]) => `(${left}) ${joint} (${right})`),
  ),
})).text;
