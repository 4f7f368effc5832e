import { type IpBytes, type IpNetwork, networkHas, parseIp, parseNetwork } from './ip_address.ts';

/**
 * IPv4 networks that are not somebody's host on the Internet (IANA IPv4 Special-Purpose Address Registry, RFC 6890),
 * multicast (RFC 5771) and the reserved class E.
 */
const closedIpv4 = networks([
  '0.0.0.0/8', // this network, and "unspecified"
  '10.0.0.0/8',
  '100.64.0.0/10', // carrier-grade NAT
  '127.0.0.0/8',
  '169.254.0.0/16', // link-local, cloud metadata
  '172.16.0.0/12',
  '192.0.0.0/24', // IETF protocol assignments
  '192.0.2.0/24', // documentation
  '192.88.99.0/24', // 6to4 relays
  '192.168.0.0/16',
  '198.18.0.0/15', // benchmarks
  '198.51.100.0/24', // documentation
  '203.0.113.0/24', // documentation
  '224.0.0.0/4', // multicast
  '240.0.0.0/4', // reserved, and broadcast
]);

/** The one range that IPv6 hosts on the Internet have (RFC 4291 section 2.4), and what in it is something else. */
const globalIpv6 = networks(['2000::/3']);
const closedIpv6 = networks([
  '2001::/23', // IETF protocol assignments, Teredo included
  '2001:db8::/32', // documentation
  '3fff::/20', // documentation
]);

/** IPv6 networks whose addresses stand for an IPv4 address, and the byte at which that begins. */
const carriers: readonly (readonly [IpNetwork, number])[] = [
  ...networks(['::ffff:0:0/96']).map((network) => [network, 12] as const), // IPv4-mapped, RFC 4291
  ...networks(['64:ff9b::/96']).map((network) => [network, 12] as const), // NAT64, RFC 6052
  ...networks(['2002::/16']).map((network) => [network, 2] as const), // 6to4, RFC 3056
];

/**
 * Does this address lead to a host on the Internet? False for loopback, link-local, private, shared, multicast,
 * unspecified, broadcast, documentation and reserved addresses, for IPv6 spellings of such IPv4 addresses, and for
 * text that is no address.
 */
export function isPublicAddress(text: string): boolean {
  const address = parseIp(text);
  return address !== undefined && isPublic(address);
}

function isPublic(address: IpBytes): boolean {
  if (address.length === 4) return !closedIpv4.some((network) => networkHas(network, address));
  for (const [network, at] of carriers) {
    if (networkHas(network, address)) return isPublic(address.subarray(at, at + 4));
  }
  return (
    globalIpv6.some((network) => networkHas(network, address)) &&
    !closedIpv6.some((network) => networkHas(network, address))
  );
}

function networks(texts: readonly string[]): IpNetwork[] {
  return texts.map((text) => {
    const network = parseNetwork(text);
    if (network === undefined) throw new RangeError(`${text} is not a network`);
    return network;
  });
}
