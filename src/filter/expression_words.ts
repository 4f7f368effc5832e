/**
 * The words of libpcap's filter language, by what they mean to the check of an expression. Source: pcap-filter(7) of libpcap
 * 1.10. Words are told apart by case: `TCP` is a host name to libpcap.
 */
export type WordKind =
  /** A protocol that can stand before `proto`, and what a name after that is looked up in. */
  | 'ip'
  | 'link'
  | 'iso'
  | 'protocol'
  /** `proto`, which takes a protocol. */
  | 'proto'
  /** `portrange`, which takes `80-90`. */
  | 'portrange'
  /** Takes a word from libpcap's own tables right behind it. */
  | 'takes_word'
  | 'and_or_not'
  | 'number'
  | 'vlan'
  | 'gateway'
  | 'unsupported'
  | 'other';

const words: Readonly<Record<WordKind, string>> = {
  ip: 'ip ip6',
  link: 'link ether ppp slip fddi tr wlan',
  iso: 'iso',
  protocol:
    'arp rarp sctp tcp udp icmp igmp igrp pim vrrp carp radio icmp6 ah esp atalk aarp decnet lat sca moprc mopdl ' +
    'esis es-is isis is-is l1 l2 iih lsp snp csnp psnp clnp stp ipx netbeui',
  proto: 'proto',
  portrange: 'portrange',
  takes_word: 'type subtype direction dir llc',
  and_or_not: 'and or not',
  number:
    'icmptype icmpcode icmp-echoreply icmp-unreach icmp-sourcequench icmp-redirect icmp-echo icmp-routeradvert ' +
    'icmp-routersolicit icmp-timxceed icmp-paramprob icmp-tstamp icmp-tstampreply icmp-ireq icmp-ireqreply icmp-maskreq ' +
    'icmp-maskreply icmp6type icmp6code icmp6-destinationunreach icmp6-packettoobig icmp6-timeexceeded ' +
    'icmp6-parameterproblem icmp6-echo icmp6-echoreply icmp6-multicastlistenerquery icmp6-multicastlistenerreportv1 ' +
    'icmp6-multicastlistenerdone icmp6-routersolicit icmp6-routeradvert icmp6-neighborsolicit icmp6-neighboradvert ' +
    'icmp6-redirect icmp6-routerrenum icmp6-nodeinformationquery icmp6-nodeinformationresponse ' +
    'icmp6-ineighbordiscoverysolicit icmp6-ineighbordiscoveryadvert icmp6-multicastlistenerreportv2 ' +
    'icmp6-homeagentdiscoveryrequest icmp6-homeagentdiscoveryreply icmp6-mobileprefixsolicit icmp6-mobileprefixadvert ' +
    'icmp6-certpathsolicit icmp6-certpathadvert icmp6-multicastrouteradvert icmp6-multicastroutersolicit ' +
    'icmp6-multicastrouterterm tcpflags tcp-fin tcp-syn tcp-rst tcp-push tcp-ack tcp-urg tcp-ece tcp-cwr',
  vlan: 'vlan',
  gateway: 'gateway',
  unsupported: 'protochain inbound outbound ifindex on ifname rset ruleset rnr rulenum srnr subrulenum reason action',
  other:
    'dst src host net mask port address1 addr1 address2 addr2 address3 addr3 address4 addr4 ra ta less greater byte ' +
    'broadcast multicast len length mpls pppoed pppoes geneve lane metac bcc oam oamf4 oamf4ec oamf4sc sc ilmic vpi vci ' +
    'connectmsg metaconnect fisu lssu lsu msu hfisu hlssu hmsu sio opc dpc sls hsio hopc hdpc hsls',
};

const kinds: ReadonlyMap<string, WordKind> = new Map(
  (Object.keys(words) as WordKind[]).flatMap((kind) => words[kind].split(' ').map((word) => [word, kind])),
);

/** What a word of the language is; undefined for a name, which libpcap would look up. */
export function wordKind(word: string): WordKind | undefined {
  return kinds.get(word);
}

/** Tunnels that libpcap has no word for: without this they would be taken for names of hosts. */
const tunnels: ReadonlyMap<string, string> = new Map([
  ['vxlan', 'udp port 4789'],
  ['vxlan-gpe', 'udp port 4790'],
  ['gtp', 'udp port 2152'],
  ['gtpu', 'udp port 2152'],
  ['gtp-u', 'udp port 2152'],
  ['teredo', 'udp port 3544'],
  ['gre', 'ip proto 47'],
  ['nvgre', 'ip proto 47'],
  ['erspan', 'ip proto 47'],
  ['ipip', 'ip proto 4'],
  ['sit', 'ip proto 41'],
  ['6in4', 'ip proto 41'],
]);

/** Why a tunnel's name is no word of a filter, and what to write; undefined for other names. */
export function tunnelReason(name: string): string | undefined {
  const outside = tunnels.get(name.toLowerCase());
  if (outside === undefined) return undefined;
  return `filters have no such word. For what is inside, a look-back takes "match_inner": true (--match-inner); for the tunnel's own packets write "${outside}"`;
}

/** Why a word of the language cannot be used here. */
export function unsupportedReason(word: string): string {
  if (word === 'protochain') return 'the kernel does not run filters that follow a chain of headers; use "proto"';
  if (word === 'inbound' || word === 'outbound') return 'the direction of a packet is not kept with it';
  if (word === 'ifindex') return 'the interface is not kept with a packet';
  return 'it belongs to the packet filter of BSD';
}
