import { etherTypes, isTag, type LinkHeader, readLinkHeader } from './link_header.ts';

/** Tags that are looked through: as many as edgetap's filters look through. */
const tagsMax = 2;

/** What the headers of one packet say. Offsets count from the buffer's beginning; -1 = not there, or not captured. */
export interface Peek {
  readonly link: LinkHeader;
  /** VLAN tags passed, 0 to 2. */
  tags: number;
  /** EtherType of the network layer, behind the tags; -1 where there is none. */
  network: number;
  network_offset: number;
  /** 4 or 16 where the network layer has addresses (IPv4, ARP and RARP; IPv6), else 0. */
  address_length: number;
  /** Only where the whole address was captured. */
  source_offset: number;
  destination_offset: number;
  /** IPv4's protocol, or IPv6's first next header. libpcap's `ip proto` looks at this alone, `ip6 proto` also at the next. */
  protocol: number;
  /** What a fragment header that follows IPv6's own header at once names as the next. */
  fragment_protocol: number;
  /** The protocol behind all of IPv6's extension headers; in IPv4 the same as `protocol`. */
  transport: number;
  /** Where the transport header begins; -1 in a fragment that is not the first. */
  transport_offset: number;
  /** Of TCP, UDP and SCTP. libpcap's `port` finds them in IPv6 only where they follow IPv6's own header at once. */
  source_port: number;
  destination_port: number;
}

/** A peek to be filled over and over. */
export function createPeek(): Peek {
  return {
    link: { protocol: -1, length: 0 },
    tags: 0,
    network: -1,
    network_offset: -1,
    address_length: 0,
    source_offset: -1,
    destination_offset: -1,
    protocol: -1,
    fragment_protocol: -1,
    transport: -1,
    transport_offset: -1,
    source_port: -1,
    destination_port: -1,
  };
}

/**
 * Looks into the headers of the packet of `length` captured bytes at `offset`. What it finds agrees with libpcap's filters,
 * and no header is trusted: nothing outside of the packet is read, and a packet of any content is only one with less to find.
 */
export function peekPacket(linktype: number, view: DataView, offset: number, length: number, out: Peek): void {
  forget(out);
  readLinkHeader(linktype, view, offset, length, out.link);
  if (out.link.protocol < 0) return;
  const end = offset + length;
  let network = out.link.protocol;
  let at = offset + out.link.length;
  while (out.tags < tagsMax && isTag(network)) {
    if (end - at < 4) return;
    network = view.getUint16(at + 2);
    at += 4;
    out.tags++;
  }
  out.network = network;
  out.network_offset = at;
  switch (network) {
    case etherTypes.ipv4:
      peekIpv4(view, at, end, out);
      return;
    case etherTypes.ipv6:
      peekIpv6(view, at, end, out);
      return;
    case etherTypes.arp:
    case etherTypes.rarp:
      // Where IPv4 over Ethernet has them, whatever the lengths in the header say: so does libpcap.
      peekAddresses(at + 14, at + 24, 4, end, out);
      return;
    default:
  }
}

/**
 * Looks into an IP packet of `length` captured bytes at `offset` that has no link-layer header, as `peekPacket` would on link type
 * RAW. The version is taken as given.
 */
export function peekIp(version: 4 | 6, view: DataView, offset: number, length: number, out: Peek): void {
  forget(out);
  out.network = version === 4 ? etherTypes.ipv4 : etherTypes.ipv6;
  out.network_offset = offset;
  out.link.protocol = out.network;
  out.link.length = 0;
  if (version === 4) peekIpv4(view, offset, offset + length, out);
  else peekIpv6(view, offset, offset + length, out);
}

function forget(out: Peek): void {
  out.tags = 0;
  out.network = -1;
  out.network_offset = -1;
  out.address_length = 0;
  out.source_offset = -1;
  out.destination_offset = -1;
  out.protocol = -1;
  out.fragment_protocol = -1;
  out.transport = -1;
  out.transport_offset = -1;
  out.source_port = -1;
  out.destination_port = -1;
}

function peekAddresses(source: number, destination: number, length: number, end: number, out: Peek): void {
  out.address_length = length;
  if (source + length <= end) out.source_offset = source;
  if (destination + length <= end) out.destination_offset = destination;
}

function peekIpv4(view: DataView, at: number, end: number, out: Peek): void {
  peekAddresses(at + 12, at + 16, 4, end, out);
  if (end - at < 10) return;
  out.protocol = view.getUint8(at + 9);
  out.transport = out.protocol;
  const fragmentOffset = view.getUint16(at + 6) & 0x1fff;
  if (fragmentOffset === 0) peekTransport(view, at + (view.getUint8(at) & 0x0f) * 4, end, out);
}

function peekIpv6(view: DataView, at: number, end: number, out: Peek): void {
  peekAddresses(at + 8, at + 24, 16, end, out);
  if (end - at < 7) return;
  out.protocol = view.getUint8(at + 6);
  if (out.protocol === 44 && end - at > 40) out.fragment_protocol = view.getUint8(at + 40);
  let header = out.protocol;
  let next = at + 40;
  for (;;) {
    const length = extensionLength(view, header, next, end);
    if (length === 0) break;
    // The extension header itself is cut off: what comes behind it is not known.
    if (length < 0) return;
    const laterFragment = header === 44 && (view.getUint16(next + 2) & 0xfff8) !== 0;
    header = view.getUint8(next);
    next += length;
    if (laterFragment) {
      out.transport = header;
      return;
    }
  }
  out.transport = header;
  peekTransport(view, next, end, out);
}

/** Length of an IPv6 extension header (RFC 8200, section 4; RFC 4302), 0 for anything else, -1 where it is cut off. */
function extensionLength(view: DataView, header: number, at: number, end: number): number {
  switch (header) {
    // Hop-by-hop and destination options, routing, mobility, host identity, shim6.
    case 0:
    case 43:
    case 60:
    case 135:
    case 139:
    case 140:
      return end - at < 2 ? -1 : (view.getUint8(at + 1) + 1) * 8;
    case 44:
      return end - at < 8 ? -1 : 8;
    // Authentication counts in 32 bits, less two.
    case 51:
      return end - at < 2 ? -1 : (view.getUint8(at + 1) + 2) * 4;
    default:
      return 0;
  }
}

function peekTransport(view: DataView, at: number, end: number, out: Peek): void {
  out.transport_offset = at;
  if (out.transport !== 6 && out.transport !== 17 && out.transport !== 132) return;
  if (end - at >= 2) out.source_port = view.getUint16(at);
  if (end - at >= 4) out.destination_port = view.getUint16(at + 2);
}
