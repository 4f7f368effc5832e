/**
 * The words that stand for an IP protocol when they are alone (`tcp`) or index a packet (`tcp[13]`), and its number. libpcap takes
 * some of them for IPv4 only, `icmp6` for IPv6 only. Source: pcap-filter(7) of libpcap 1.10.
 */
export const protocolWords: ReadonlyMap<string, number> = new Map([
  ['icmp', 1],
  ['igmp', 2],
  ['tcp', 6],
  ['igrp', 9],
  ['udp', 17],
  ['esp', 50],
  ['ah', 51],
  ['icmp6', 58],
  ['pim', 103],
  ['vrrp', 112],
  ['carp', 112],
  ['sctp', 132],
]);
