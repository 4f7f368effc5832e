import { type FoundPackets, takeEthernet, takeIp, takePpp, takeType } from './carried_ip.ts';
import { etherTypes } from './link_header.ts';
import type { Peek } from './peek.ts';

const protocols = { ipv4: 4, udp: 17, ipv6: 41, gre: 47 } as const;

/** UDP ports that tunnels are sent to. 8472 is what Linux used for VXLAN before there was a number, and still does by default. */
const ports = { gtp_u: 2152, vxlan: 4789, geneve: 6081, vxlan_linux: 8472 } as const;

/** Flags of GRE. */
const gre = { checksum: 0x8000, routing: 0x4000, key: 0x2000, sequence: 0x1000, acknowledgment: 0x0080 } as const;

/** Takes the IP packet in the tunnel that an IP packet is, if it is one; `peek` is of that packet, which ends at `end`. */
export function takeTunnel(view: DataView, end: number, peek: Peek, out: FoundPackets): void {
  const at = peek.transport_offset;
  if (at < 0) return;
  switch (peek.transport) {
    // RFC 2003, RFC 2473.
    case protocols.ipv4:
      if (isSound(view, end, peek)) takeIp(4, view, at, end, out);
      return;
    // RFC 4213, RFC 2473.
    case protocols.ipv6:
      if (isSound(view, end, peek)) takeIp(6, view, at, end, out);
      return;
    case protocols.gre:
      if (isSound(view, end, peek)) takeGre(view, at, end, out);
      return;
    case protocols.udp:
      if (isTunnelPort(peek.destination_port) && isSound(view, end, peek)) {
        takeUdp(peek.destination_port, view, at + 8, end, out);
      }
      return;
    default:
  }
}

/** Is the IP header what its EtherType says, and no shorter than one is? A filter would not ask; a tunnel in such a packet is none. */
function isSound(view: DataView, end: number, { network, network_offset: at }: Peek): boolean {
  if (at >= end) return false;
  const first = view.getUint8(at);
  return network === etherTypes.ipv4 ? first >= 0x45 && first <= 0x4f : first >> 4 === 6;
}

function isTunnelPort(port: number): boolean {
  return port === ports.vxlan || port === ports.geneve || port === ports.gtp_u || port === ports.vxlan_linux;
}

function takeUdp(port: number, view: DataView, at: number, end: number, out: FoundPackets): void {
  if (port === ports.geneve) takeGeneve(view, at, end, out);
  else if (port === ports.gtp_u) takeGtp(view, at, end, out);
  else takeVxlan(view, at, end, out);
}

/**
 * GRE (RFC 2784), its key and sequence number (RFC 2890), and what builds on it: PPTP's version 1 (RFC 2637, section 4.1),
 * NVGRE (RFC 7637), ERSPAN (draft-foschiano-erspan-03). One with source routes (RFC 1701) is not looked into.
 */
function takeGre(view: DataView, at: number, end: number, out: FoundPackets): void {
  if (end - at < 4) return;
  const flags = view.getUint16(at);
  const type = view.getUint16(at + 2);
  if ((flags & gre.routing) !== 0) return;
  const sequence = (flags & gre.sequence) !== 0;
  let behind = at + (sequence ? 8 : 4);
  if ((flags & gre.checksum) !== 0) behind += 4;
  if ((flags & gre.key) !== 0) behind += 4;
  const version = flags & 7;
  if (version === 1) {
    if ((flags & gre.acknowledgment) !== 0) behind += 4;
    // Without a sequence number it only acknowledges.
    if (type === etherTypes.ppp && sequence) takePpp(true, view, behind, end, out);
    return;
  }
  if (version !== 0) return;
  if (type === etherTypes.erspan) {
    // Type I has no header of its own, and GRE's has no sequence number; type II has 8 bytes that say version 1.
    if (!sequence) takeEthernet(view, behind, end, out);
    else if (end - behind >= 8 && view.getUint8(behind) >> 4 === 1) takeEthernet(view, behind + 8, end, out);
  } else if (type === etherTypes.erspan_iii) takeErspan3(view, behind, end, out);
  else takeType(type, view, behind, end, out);
}

/** ERSPAN type III: 12 bytes that say version 2 and the kind of frame, and 8 more where the last bit says so. */
function takeErspan3(view: DataView, at: number, end: number, out: FoundPackets): void {
  if (end - at < 12 || view.getUint8(at) >> 4 !== 2) return;
  const said = view.getUint16(at + 10);
  const frame = at + ((said & 1) === 1 ? 20 : 12);
  const kind = (said >> 10) & 0x1f;
  if (kind === 0) takeEthernet(view, frame, end, out);
  else if (kind === 2) takeIp(0, view, frame, end, out);
}

/** VXLAN (RFC 7348, section 5): 8 bytes whose flags say that there is a network identifier, as Linux wants it too. */
function takeVxlan(view: DataView, at: number, end: number, out: FoundPackets): void {
  if (end - at >= 8 && (view.getUint8(at) & 0x08) !== 0) takeEthernet(view, at + 8, end, out);
}

/** Geneve (RFC 8926, section 3.4): version 0, 8 bytes, and options counted in 4 bytes. */
function takeGeneve(view: DataView, at: number, end: number, out: FoundPackets): void {
  if (end - at < 8) return;
  const first = view.getUint8(at);
  if (first >> 6 === 0) takeType(view.getUint16(at + 2), view, at + 8 + (first & 0x3f) * 4, end, out);
}

/**
 * GTP-U (3GPP TS 29.281, section 5): version 1, protocol type GTP, message 255 (G-PDU), which carries a user's packet. Any of
 * three flags adds 4 bytes, the last of which names an extension header; each one of those names the next.
 */
function takeGtp(view: DataView, at: number, end: number, out: FoundPackets): void {
  if (end - at < 8) return;
  const flags = view.getUint8(at);
  if (flags >> 4 !== 3 || view.getUint8(at + 1) !== 255) return;
  let behind = at + 8;
  if ((flags & 7) !== 0) {
    behind += 4;
    if (behind > end) return;
    let extension = (flags & 4) !== 0 ? view.getUint8(behind - 1) : 0;
    while (extension !== 0) {
      if (behind >= end) return;
      const length = view.getUint8(behind) * 4;
      behind += length;
      if (length === 0 || behind > end) return;
      extension = view.getUint8(behind - 1);
    }
  }
  takeIp(0, view, behind, end, out);
}
