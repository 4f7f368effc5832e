import { raise } from '../model/errors/fault.ts';

/** Length of a classic pcap file's header. */
export const pcapHeaderBytes = 24;

/** Magic numbers as read little-endian: microseconds and nanoseconds, in either byte order. */
const magics = new Map<number, { readonly little_endian: boolean; readonly nanosecond: boolean }>([
  [0xa1b2c3d4, { little_endian: true, nanosecond: false }],
  [0xa1b23c4d, { little_endian: true, nanosecond: true }],
  [0xd4c3b2a1, { little_endian: false, nanosecond: false }],
  [0x4d3cb2a1, { little_endian: false, nanosecond: true }],
]);

/** What a classic pcap file says of itself. */
export interface PcapHeader {
  readonly little_endian: boolean;
  /** Fractions of a second are nanoseconds, not microseconds. */
  readonly nanosecond: boolean;
  readonly snaplen: number;
  /** The link type alone: frame check sequence bits beside it are left out. */
  readonly linktype: number;
}

/** Do these four bytes, read little-endian, begin a classic pcap file? */
export function isPcapMagic(magic: number): boolean {
  return magics.has(magic);
}

/**
 * Reads a classic pcap file's header (draft-ietf-opsawg-pcap, section 4).
 * Throws `pcap_truncated`, `pcap_magic`, or `pcap_malformed` for a version other than 2.4.
 */
export function decodePcapHeader(bytes: Uint8Array): PcapHeader {
  if (bytes.length < pcapHeaderBytes) raise('pcap_truncated', { offset: 0 });
  const view = new DataView(bytes.buffer, bytes.byteOffset, pcapHeaderBytes);
  const magic = view.getUint32(0, true);
  const form = magics.get(magic);
  if (form === undefined) raise('pcap_magic', { magic: magicText(view.getUint32(0)) });
  const version = `${view.getUint16(4, form.little_endian)}.${view.getUint16(6, form.little_endian)}`;
  if (version !== '2.4') raise('pcap_malformed', { offset: 4, reason: `version ${version}, and only 2.4 is read` });
  return {
    ...form,
    snaplen: view.getUint32(16, form.little_endian),
    linktype: view.getUint32(20, form.little_endian) & 0xffff,
  };
}

/** Writes a classic pcap file's header: little-endian, nanoseconds (magic 0xa1b23c4d), version 2.4, UTC. */
export function encodePcapHeader(header: { readonly linktype: number; readonly snaplen: number }): Uint8Array {
  const bytes = new Uint8Array(pcapHeaderBytes);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0xa1b23c4d, true);
  view.setUint16(4, 2, true);
  view.setUint16(6, 4, true);
  view.setUint32(16, header.snaplen, true);
  view.setUint32(20, header.linktype, true);
  return bytes;
}

/** The four bytes of a magic number, for an error's text. */
export function magicText(magic: number): string {
  return `0x${magic.toString(16).padStart(8, '0')}`;
}
