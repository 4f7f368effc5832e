import { etherTypes, isTag } from './link_header.ts';

/** IP packets as they are found, from the outside in. */
export interface FoundPackets {
  count: number;
  /** Where each IP header begins, counted from the buffer's beginning. */
  readonly offsets: Int32Array;
  /** 4 or 6. */
  readonly versions: Uint8Array;
}

/** Longest stack of labels that is followed: more than any network builds, and an end for a packet of nothing but labels. */
const labels_max = 16;

/** Tags of an inner frame that are passed: as many as of an outer one. */
const tags_max = 2;

/** Takes an IP packet that begins at `at`, of the version given or, for 0, of the one that it says. */
export function takeIp(version: 0 | 4 | 6, view: DataView, at: number, end: number, out: FoundPackets): void {
  if (at >= end) return;
  const said = view.getUint8(at) >> 4;
  if (said !== 4 && said !== 6) return;
  if (version !== 0 && version !== said) return;
  out.offsets[out.count] = at;
  out.versions[out.count] = said;
  out.count++;
}

/** Takes what an EtherType announces: an IP packet, or one in an Ethernet frame. */
export function takeType(type: number, view: DataView, at: number, end: number, out: FoundPackets): void {
  if (type === etherTypes.ipv4) takeIp(4, view, at, end, out);
  else if (type === etherTypes.ipv6) takeIp(6, view, at, end, out);
  else if (type === etherTypes.ethernet) takeEthernet(view, at, end, out);
}

/** Takes the IP packet in an Ethernet frame, behind up to two VLAN tags. */
export function takeEthernet(view: DataView, frame: number, end: number, out: FoundPackets): void {
  let at = frame + 14;
  if (at > end) return;
  let type = view.getUint16(at - 2);
  for (let tags = 0; tags < tags_max && isTag(type); tags++) {
    at += 4;
    if (at > end) return;
    type = view.getUint16(at - 2);
  }
  // A frame in a frame is no frame: 0x6558 means something in tunnels only.
  if (type !== etherTypes.ethernet) takeType(type, view, at, end, out);
}

/**
 * Takes the IP packet in a PPP frame that begins with its protocol, in two bytes or compressed to one (RFC 1661, sections 2 and 6.5),
 * or with HDLC's address and control (RFC 1662) where `framed` allows it.
 */
export function takePpp(framed: boolean, view: DataView, frame: number, end: number, out: FoundPackets): void {
  const at = framed && end - frame >= 2 && view.getUint16(frame) === 0xff03 ? frame + 2 : frame;
  if (at >= end) return;
  const first = view.getUint8(at);
  // The first byte of a protocol is even, the last one odd.
  const compressed = (first & 1) === 1;
  if (!compressed && end - at < 2) return;
  const protocol = compressed ? first : view.getUint16(at);
  const behind = at + (compressed ? 1 : 2);
  if (protocol === 0x0021) takeIp(4, view, behind, end, out);
  else if (protocol === 0x0057) takeIp(6, view, behind, end, out);
}

/** Takes the IP packet in a PPPoE session packet (RFC 2516, section 4): version and type 1, code 0. */
export function takePppoe(view: DataView, at: number, end: number, out: FoundPackets): void {
  if (end - at >= 6 && view.getUint16(at) === 0x1100) takePpp(false, view, at + 6, end, out);
}

/** Takes the IP packet behind the bottom of a label stack (RFC 3032, section 2.1). Nothing names it, so its own version must. */
export function takeMpls(view: DataView, stack: number, end: number, out: FoundPackets): void {
  for (let label = 0; label < labels_max; label++) {
    const at = stack + 4 * label;
    if (end - at < 4) return;
    if ((view.getUint8(at + 2) & 1) === 1) {
      takeIp(0, view, at + 4, end, out);
      return;
    }
  }
}
