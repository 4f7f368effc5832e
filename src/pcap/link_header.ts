import { linkTypes } from './link_type.ts';

/** EtherTypes that mean something here. */
export const etherTypes = {
  ipv4: 0x0800,
  arp: 0x0806,
  rarp: 0x8035,
  vlan: 0x8100,
  ipv6: 0x86dd,
  /** 802.1ad, and what was used for it before. */
  service_vlan: 0x88a8,
  old_service_vlan: 0x9100,
  /** MPLS (RFC 5332): the next label is the sender's, or was asked of upstream. */
  mpls: 0x8847,
  mpls_upstream: 0x8848,
  pppoe_session: 0x8864,
  /** What tunnels say of their payload: an Ethernet frame (RFC 1701), PPP (RFC 2637), a mirrored frame. */
  ethernet: 0x6558,
  ppp: 0x880b,
  erspan: 0x88be,
  erspan_iii: 0x22eb,
} as const;

/** Is this the EtherType of a VLAN tag? */
export function isTag(protocol: number): boolean {
  return (
    protocol === etherTypes.vlan || protocol === etherTypes.service_vlan || protocol === etherTypes.old_service_vlan
  );
}

/** What a packet's link-layer header says of what follows it. */
export interface LinkHeader {
  /** The EtherType of what follows, or -1 where there is none to be had. Below 1,536 it is no EtherType: see the link type. */
  protocol: number;
  /** Length of the link-layer header; a packet that is cut off may have less. */
  length: number;
}

/**
 * Reads the link-layer header of `length` captured bytes at `offset`, for all link types that edgetap knows; any other
 * gives -1. Never reads outside of the packet. Source: https://www.tcpdump.org/linktypes.html
 */
export function readLinkHeader(
  linktype: number,
  view: DataView,
  offset: number,
  length: number,
  out: LinkHeader,
): void {
  out.protocol = -1;
  out.length = 0;
  switch (linktype) {
    case linkTypes.ethernet:
      if (length >= 14) found(out, view.getUint16(offset + 12), 14);
      return;
    case linkTypes.linux_sll:
      if (length >= 16) found(out, view.getUint16(offset + 14), 16);
      return;
    case linkTypes.linux_sll2:
      if (length >= 2) found(out, view.getUint16(offset), 20);
      return;
    case linkTypes.raw:
    case linkTypes.raw_12:
    case linkTypes.raw_14:
      if (length >= 1) found(out, versionProtocol(view.getUint8(offset) >> 4), 0);
      return;
    case linkTypes.ipv4:
      found(out, etherTypes.ipv4, 0);
      return;
    case linkTypes.ipv6:
      found(out, etherTypes.ipv6, 0);
      return;
    case linkTypes.null:
    case linkTypes.loop:
      if (length >= 4) found(out, familyProtocol(view, offset), 4);
      return;
    case linkTypes.ppp:
      readPpp(view, offset, length, out);
      return;
    default:
  }
}

function found(out: LinkHeader, protocol: number, length: number): void {
  out.protocol = protocol;
  out.length = length;
}

function versionProtocol(version: number): number {
  if (version === 4) return etherTypes.ipv4;
  return version === 6 ? etherTypes.ipv6 : -1;
}

/** An address family in 32 bits, in the order of a host that is not told: families are small, so only one order makes sense. */
function familyProtocol(view: DataView, offset: number): number {
  const big = view.getUint32(offset);
  switch (big < 0x10000 ? big : view.getUint32(offset, true)) {
    case 2:
      return etherTypes.ipv4;
    // IPv6 in NetBSD and OpenBSD, in FreeBSD, and in Darwin.
    case 24:
    case 28:
    case 30:
      return etherTypes.ipv6;
    default:
      return -1;
  }
}

/** PPP with HDLC's address and control (ff 03) before the protocol, or without (RFC 1662, section 3.1). */
function readPpp(view: DataView, offset: number, length: number, out: LinkHeader): void {
  const framed = length >= 2 && view.getUint16(offset) === 0xff03 ? 2 : 0;
  if (length < framed + 2) return;
  const protocol = view.getUint16(offset + framed);
  if (protocol === 0x0021) found(out, etherTypes.ipv4, framed + 2);
  else if (protocol === 0x0057) found(out, etherTypes.ipv6, framed + 2);
}
