import { type LinkHeader, readLinkHeader } from './link_header.ts';
import { linkTypes } from './link_type.ts';
import { capturedMaxBytes } from './pcap_format.ts';

/** Length of an Ethernet header without tags. */
export const ethernetHeaderBytes = 14;
/**
 * EtherType for what no Ethernet frame can say: the whole packet follows, its own link-layer header and all. It is the second
 * of IEEE 802's two local experimental EtherTypes, so a dissector shows data and guesses nothing.
 */
const localEtherType = 0x88b6;
/** From here on the type field is an EtherType; from 1,501 to here it is nothing; below, a length (IEEE 802.3, clause 3.2.6). */
const leastEtherType = 0x0600;
const greatestLength = 1500;
/** Not protocols, but kinds of frames in a cooked header's protocol field: 802.3 without and with an LLC header (linux/if_ether.h). */
const frames8023: ReadonlySet<number> = new Set([0x0001, 0x0004]);
/** ARPHRD_ types under which the protocol field of a cooked header is no EtherType: Frame Relay, 802.11, netlink. */
const foreignDevices: ReadonlySet<number> = new Set([770, 801, 802, 803, 824]);

const convertible: ReadonlySet<number> = new Set(Object.values(linkTypes));

/** A packet as an Ethernet frame: the first `header_length` bytes of `header`, then the packet's bytes from `skip` on. */
export interface EthernetForm {
  readonly link: LinkHeader;
  readonly header: Uint8Array;
  /** 14, or 0 where the packet is an Ethernet frame already. */
  header_length: number;
  /** How many bytes at the packet's beginning are left out. */
  skip: number;
  /** Captured bytes of the frame, its header included. */
  captured: number;
  /** Bytes that the frame would have had on the wire, its header included. */
  original: number;
}

/** An Ethernet form to be filled over and over. */
export function createEthernetForm(): EthernetForm {
  return {
    link: { protocol: -1, length: 0 },
    header: new Uint8Array(ethernetHeaderBytes),
    header_length: 0,
    skip: 0,
    captured: 0,
    original: 0,
  };
}

/** Can packets of this link type stand in an Ethernet file? All that edgetap captures can. */
export function canBeEthernet(linktype: number): boolean {
  return convertible.has(linktype);
}

/**
 * Says how a packet of a link type that `canBeEthernet` looks as an Ethernet frame. Its link-layer header gives way to
 * Ethernet's: addresses are zero (but a cooked header's sender is kept where it is an Ethernet address) and the type is that
 * of the network protocol. Both lengths grow by what was added less what was left out; the captured one stays within
 * libpcap's bound of 262,144.
 */
export function toEthernet(
  linktype: number,
  view: DataView,
  offset: number,
  captured: number,
  original: number,
  out: EthernetForm,
): void {
  out.skip = 0;
  out.header_length = 0;
  out.captured = captured;
  out.original = original;
  if (linktype === linkTypes.ethernet) return;
  readLinkHeader(linktype, view, offset, captured, out.link);
  const whole = captured >= out.link.length;
  const type = whole ? etherType(linktype, view, offset, original, out.link) : -1;
  const known = type >= 0;
  out.header_length = ethernetHeaderBytes;
  out.skip = known ? out.link.length : 0;
  out.header.fill(0);
  if (known) copySender(linktype, view, offset, out.header);
  out.header[12] = (known ? type : localEtherType) >> 8;
  out.header[13] = (known ? type : localEtherType) & 0xff;
  out.captured = Math.min(captured - out.skip + ethernetHeaderBytes, capturedMaxBytes);
  out.original = Math.min(Math.max(original - out.skip, 0) + ethernetHeaderBytes, 0xffffffff);
}

/** What stands in the frame's type field; -1 where nothing fits. */
function etherType(linktype: number, view: DataView, offset: number, original: number, link: LinkHeader): number {
  if (link.protocol < 0 || foreignDevices.has(deviceType(linktype, view, offset))) return -1;
  if (link.protocol >= leastEtherType) return link.protocol;
  const length = original - link.length;
  return frames8023.has(link.protocol) && length >= 0 && length <= greatestLength ? length : -1;
}

/** The ARPHRD_ type in a cooked header; -1 where there is no such header. */
function deviceType(linktype: number, view: DataView, offset: number): number {
  if (linktype === linkTypes.linux_sll) return view.getUint16(offset + 2);
  return linktype === linkTypes.linux_sll2 ? view.getUint16(offset + 8) : -1;
}

function copySender(linktype: number, view: DataView, offset: number, header: Uint8Array): void {
  const short = linktype === linkTypes.linux_sll;
  if (!short && linktype !== linkTypes.linux_sll2) return;
  const length = short ? view.getUint16(offset + 4) : view.getUint8(offset + 11);
  const address = offset + (short ? 6 : 12);
  if (length === 6) for (let at = 0; at < 6; at++) header[6 + at] = view.getUint8(address + at);
}
