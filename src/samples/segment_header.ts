import { crc32 } from 'node:zlib';
import type { TimeNs } from '../model/time.ts';
import { block_log2 } from './index/index_layout.ts';

/** The fixed part of a segment's header file. See docs/formats/segments.md. */
export interface SegmentHeader {
  readonly interface: string;
  readonly linktype: number;
  readonly snaplen_bytes: number;
  /** 1 in this many packets is kept; 0 is not known. */
  readonly rate: number;
  readonly number: number;
  readonly made: TimeNs;
  readonly made_monotonic: bigint;
  /** 16 bytes; all zero is not known. */
  readonly boot: Uint8Array;
  /** Version of the index that belongs to the segment; 0 where none was promised. */
  readonly index_version: number;
}

/** What the fixed part turned out to be. */
export type SegmentHeaderRead =
  | { readonly kind: 'good'; readonly header: SegmentHeader; readonly length: number }
  | { readonly kind: 'damaged'; readonly reason: string }
  | { readonly kind: 'newer'; readonly version: number };

/** Length of the fixed part as written by this version. */
export const segment_header_bytes = 96;

const magic = Uint8Array.of(0x45, 0x54, 0x41, 0x50, 0x53, 0x45, 0x47, 0x0a);
const version = 1;

/** Writes the fixed part: 96 bytes. */
export function encodeSegmentHeader(header: SegmentHeader): Uint8Array {
  const bytes = new Uint8Array(segment_header_bytes);
  const view = new DataView(bytes.buffer);
  const name = new TextEncoder().encode(header.interface);
  if (name.length === 0 || name.length > 15) throw new RangeError('an interface name has 1 to 15 bytes');
  bytes.set(magic);
  view.setUint16(8, version, true);
  view.setUint16(10, segment_header_bytes, true);
  view.setUint32(12, header.linktype, true);
  view.setUint32(16, header.snaplen_bytes, true);
  view.setUint32(20, header.rate, true);
  view.setBigUint64(24, BigInt(header.number), true);
  view.setBigInt64(32, header.made, true);
  view.setBigInt64(40, header.made_monotonic, true);
  bytes.set(header.boot.subarray(0, 16), 48);
  bytes[64] = name.length;
  bytes.set(name, 65);
  view.setUint16(80, header.index_version, true);
  view.setUint16(82, header.index_version === 0 ? 0 : block_log2, true);
  view.setUint32(92, crc32(bytes.subarray(0, 92)), true);
  return bytes;
}

/** Reads the fixed part of a header file. */
export function readSegmentHeader(bytes: Uint8Array): SegmentHeaderRead {
  const damaged = (reason: string): SegmentHeaderRead => ({ kind: 'damaged', reason });
  if (bytes.length < segment_header_bytes) return damaged(`it has only ${bytes.length} bytes`);
  if (magic.some((byte, index) => bytes[index] !== byte)) return damaged('it does not begin with the magic bytes');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const length = view.getUint16(10, true);
  if (length < segment_header_bytes || length > bytes.length) return damaged(`its length is given as ${length}`);
  if (crc32(bytes.subarray(0, length - 4)) !== view.getUint32(length - 4, true))
    return damaged('its checksum is wrong');
  const found = view.getUint16(8, true);
  if (found !== version) return { kind: 'newer', version: found };
  const nameLength = bytes[64] ?? 0;
  if (nameLength === 0 || nameLength > 15) return damaged(`its interface name is ${nameLength} bytes long`);
  const header = {
    interface: new TextDecoder().decode(bytes.subarray(65, 65 + nameLength)),
    linktype: view.getUint32(12, true),
    snaplen_bytes: view.getUint32(16, true),
    rate: view.getUint32(20, true),
    number: Number(view.getBigUint64(24, true)),
    made: view.getBigInt64(32, true),
    made_monotonic: view.getBigInt64(40, true),
    boot: new Uint8Array(bytes.subarray(48, 64)),
    index_version: view.getUint16(80, true),
  };
  return { kind: 'good', header, length };
}

/** The wall clock less the monotonic one when a segment was made; undefined where its header does not say it. */
export function clockOffset(read: SegmentHeaderRead): bigint | undefined {
  if (read.kind !== 'good' || read.header.made_monotonic === 0n) return undefined;
  return read.header.made - read.header.made_monotonic;
}
