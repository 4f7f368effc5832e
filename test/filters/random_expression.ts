import * as fc from 'fast-check';
import { addressText } from '../../src/filter/address.ts';
import { filterCases } from '../fixtures/filter_cases.ts';
import { addresses4, addresses6, ports, protocols } from './random_frame.ts';

const of = fc.constantFrom<string[]>;
const text = (...parts: fc.Arbitrary<string>[]): fc.Arbitrary<string> =>
  fc.tuple(...parts).map((words) => words.filter((word) => word !== '').join(' '));

/** Lists with commas. */
const list = (...lines: readonly string[]): string[] => lines.flatMap((line) => line.split(', '));

/** Addresses that the frames of the tests have. */
const known = [...addresses4, ...addresses6].map((bytes) => addressText(Uint8Array.from(bytes)));
const hosts = [
  ...known,
  ...list('198.51.100.7, 192.0.2.1, 10, 10.0, 10.1, 10.0.0, 010.0.0.1, 0xa.0.0.1, 167772161, ::ffff:10.0.0.1, 0'),
];
const networks = [
  ...known,
  ...list('10.0.0.0/8, 10.0.0.0/31, 0.0.0.0/0, 10/8, 10.0/16, 192.0.2/24, 10.0.0.0/010, 10.0.0.0/0x8'),
  ...list('::/0, 2001:db8::/32, 2001:db8::/33, fe80::/10, fe80::/64, 2000::/3, 2001:db8::1/128'),
  ...list('10, 192, 10.0, 192.0.2, 0, 0xa, 012, 2560'),
  ...list('10.0.0.0 mask 255.0.0.0, 10.0.0.0 mask 255.0.0.255, 10.0 mask 255.255, 0.0.0.1 mask 0.0.0.255'),
];
const port_numbers = [...ports.map(String), ...list('0x50, 0120, 080, (80)')];
const port_ranges = list('50-100, 100-50, 0-65535, 443, 080-90, 79-81, 65535-65535');
const protocol_numbers = [...protocols.map(String), ...list('44, 0x11, 021, 256, 300, 43')];

const direction = of('', '', '', 'src', 'dst', 'src or dst', 'src and dst', 'dst || src');
const network_word = of('', '', '', 'ip', 'ip6', 'arp', 'rarp');

/** Identifiers with what may stand before each: its head, and values of its type. */
const identifiers: readonly (readonly [fc.Arbitrary<string>, fc.Arbitrary<string>])[] = [
  [text(network_word, direction, of('host')), of(...hosts)],
  [text(network_word, of('src', 'dst', 'src or dst', 'src and dst')), of(...hosts)],
  [text(network_word, direction, of('net')), of(...networks)],
  [text(of('', '', 'tcp', 'udp', 'sctp', 'ip'), direction, of('port')), of(...port_numbers)],
  [text(of('', '', 'tcp', 'udp', 'sctp'), direction, of('portrange')), of(...port_ranges)],
  [text(of('', 'ip', 'ip6'), of('proto')), of(...protocol_numbers)],
  [of('ether proto'), of(...list('0x0800, 0x86dd, 0x0806, 0x8100, \\ip, 0x88cc, 66, 66 or 6'))],
];

/** `port 80`, `port (80 or not 443)`, `port 80 or 443`. */
const identifier = fc.oneof(
  ...identifiers.map(([head, value]) =>
    fc.oneof(
      { weight: 3, arbitrary: text(head, value) },
      text(head, of('('), value, of('or', 'and', 'or not'), value, of(')')),
      text(head, value, of('or', 'and', 'or not', 'and not'), value),
      text(head, of('not'), value),
      text(head, value, of('or'), of('('), value, of('or'), value, of(')')),
    ),
  ),
);

const word = of(
  ...list(
    'tcp, udp, sctp, icmp, icmp6, igmp, pim, ah, esp, vrrp, ip, ip6, arp, rarp, tcp, udp',
    'ip multicast, ip6 multicast, ether broadcast, less 90, greater 80, pppoed, llc',
  ),
);

const load = of(
  ...list(
    'tcp[0:2], tcp[13], udp[2:2], udp[0], icmp[0], icmp6[0], sctp[0:2], ip[9], ip6[6], ip[6:2], ether[12:2]',
    'tcp[tcpflags], udp[ip6[6]], arp[6:2], len, 1, 80, 0, tcp-syn, 0x50',
  ),
);
const arithmetic = fc.oneof(
  { weight: 3, arbitrary: load },
  text(load, of('+', '&', '-', '|', '*', '/ 2 +', '<<'), load),
  text(of('(', '- (', '-('), load, of('&', '+'), load, of(')')),
);
const comparison = text(arithmetic, of('=', '!=', '>', '<', '>=', '<=', '=='), arithmetic);

const shift = of(
  ...list('vlan, vlan, vlan 100, vlan 1, vlan (100), mpls, mpls 16, pppoes, pppoes 7, geneve, geneve 11'),
);

const joint = of('and', 'and', 'or', '&&', '||', 'and not', 'or not', 'or !');
const term = fc.oneof(
  { weight: 6, arbitrary: identifier },
  { weight: 4, arbitrary: word },
  { weight: 2, arbitrary: comparison },
);

const written: fc.Arbitrary<string> = fc.letrec<{ readonly chain: string; readonly piece: string }>((tie) => ({
  piece: fc.oneof(
    { depthSize: 'small' },
    { weight: 8, arbitrary: term },
    { weight: 1, arbitrary: shift },
    { weight: 1, arbitrary: text(of('not', '!', 'not not'), tie('piece')) },
    { weight: 2, arbitrary: text(of('('), tie('chain'), of(')')) },
  ),
  chain: fc
    .tuple(tie('piece'), fc.array(fc.tuple(joint, tie('piece')), { maxLength: 3 }))
    .map(([first, rest]) => [first, ...rest.flat()].join(' ')),
})).chain;

/** Texts that are known to be right, to be changed here and there. */
const examples: readonly string[] = [
  ...filterCases.flatMap(({ ask, tcpdump }) => [ask.filter_expression ?? '', tcpdump]),
  'vlan 100 and vlan and tcp port 80 or 443',
  'ip or vlan and tcp',
  '(vlan or arp) and (udp or port 80)',
  'host 10.0.0.1 and (tcp or port 80) or 10.0.0.2',
  'vlan and (host 10.0.0.1 or 10.0.0.2) and not udp',
  'src net 10.0.0.0/8 and dst portrange 50-100 or 443 and not (tcp[13] & 2 != 0)',
  'ip proto 17 or 6 and (host 10.0.0.1 and 10.0.0.2 or net fe80::/10)',
].filter((example) => example !== '');

const spare = fc.oneof(of('and', 'or', 'not', '(', ')', 'port', 'host', 'net', 'src', 'proto'), term, shift);

/** One of the examples with a few of its words taken out, doubled, exchanged or put in. */
const changed = fc
  .tuple(
    of(...examples).map((example) => example.match(/[()!]|[^()!\s]+/g) ?? []),
    fc.array(fc.tuple(fc.nat(), fc.constantFrom('out', 'twice', 'other', 'in', 'swap'), spare), { maxLength: 3 }),
  )
  .map(([words, changes]) => {
    let result: readonly string[] = words;
    for (const [place, change, other] of changes) {
      const at = place % (result.length + 1);
      const [before, here, after] = [result.slice(0, at), result.slice(at, at + 1), result.slice(at + 1)];
      if (change === 'out') result = [...before, ...after];
      else if (change === 'twice') result = [...before, ...here, ...here, ...after];
      else if (change === 'other') result = [...before, other, ...after];
      else if (change === 'in') result = [...before, other, ...here, ...after];
      else result = [...before, ...after.slice(0, 1), ...here, ...after.slice(1)];
    }
    return result.join(' ');
  });

/**
 * Expressions of all kinds, many of which libpcap refuses: terms of every sort with the addresses and ports of the tests' frames,
 * joined, nested, negated, behind tags and labels.
 */
export const randomExpression: fc.Arbitrary<string> = fc.oneof(
  { weight: 4, arbitrary: written },
  {
    weight: 2,
    arbitrary: text(
      of('vlan and', 'vlan 100 and', 'vlan and vlan and', 'vlan and vlan and vlan and', 'mpls and', 'geneve and'),
      written,
    ),
  },
  { weight: 3, arbitrary: changed },
);

const exact = [
  text(of('host', 'net', 'src or dst net'), of(...known)),
  of('net 10.0.0.0/8', 'net 10', 'net 192.0.2', 'host 10.0', 'net 2001:db8::/32', 'net fe80::/10', 'net 192.0.2.0/24'),
  of('tcp', 'udp', 'sctp', 'proto 6', 'proto 17 or 47', 'proto 255', '(ip proto 58 or ip6 proto 58)'),
];

/** Expressions that a formula says exactly, for frames that were captured whole. */
export const exactExpression: fc.Arbitrary<string> = fc
  .tuple(fc.oneof(...exact), fc.array(fc.tuple(of('and', 'or'), fc.oneof(...exact)), { maxLength: 3 }))
  .map(([first, rest]) => [first, ...rest.flat()].join(' '));
