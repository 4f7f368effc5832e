import { raise } from '../model/errors/fault.ts';
import type { CaptureFormat, ReadOptions } from './capture_format.ts';
import { capturedMaxBytes } from './pcap_format.ts';
import { magicText } from './pcap_header.ts';
import { blockOverheadBytes, blockTypes, byteOrderMagic } from './pcapng_block.ts';
import { type DescribedInterface, decodeInterface } from './pcapng_interface.ts';
import { type PacketBounds, readPacketBlock, type Section } from './pcapng_packet.ts';
import type { WritableBatch } from './record_batch.ts';

/** Each interface costs memory, and a file may have any number of sections with any number of them. */
const interfacesMax = 1024;
/** Room for the options of a block that is read whole; a block that is skipped may have any length. */
const optionsMaxBytes = 131_072;

/** The least length of each block that is read; all others are skipped. */
const leastLengths = new Map<number, number>([
  [blockTypes.section_header, 28],
  [blockTypes.interface_description, 20],
  [blockTypes.packet, 32],
  [blockTypes.simple_packet, 16],
  [blockTypes.enhanced_packet, 32],
]);

/**
 * pcapng (draft-ietf-opsawg-pcapng): sections in either byte order one after another; enhanced, simple and old packet
 * blocks. Every other block is skipped, whatever its length. Interfaces are numbered through over all sections.
 */
export function pcapngFormat(options: ReadOptions): CaptureFormat {
  const bounds: PacketBounds = {
    captured_max_bytes: options.captured_max_bytes ?? capturedMaxBytes,
    strict: options.strict ?? false,
  };
  const interfaces: DescribedInterface[] = [];
  const section: Section = { little_endian: true, first_interface: 0 };
  let begun = false;
  let wholeBytes = 0;
  /** Bytes still to come of a skipped block's body, and the block's length, which stands behind it once more. */
  let skipping = 0;
  let trailer = 0;

  /** Reads the block at `at`, or as much as can be: returns the offset after it, `at` where too little is there, or the damage. */
  const step = (batch: WritableBatch, at: number): number | string => {
    const { view } = batch;
    const available = view.byteLength - at;
    if (skipping > 0) {
      const skipped = Math.min(skipping, available);
      skipping -= skipped;
      return at + skipped;
    }
    if (trailer > 0) {
      if (available < 4) return at;
      if (view.getUint32(at, section.little_endian) !== trailer) return 'a block whose two lengths differ';
      trailer = 0;
      return at + 4;
    }
    if (available < 12) return at;
    const type = view.getUint32(at, section.little_endian);
    const order = byteOrder(view, at, type);
    if (order === undefined) return `a byte order magic of ${magicText(view.getUint32(at + 8))}`;
    const length = view.getUint32(at + 4, order);
    if (!sound(type, length)) return `a block of ${length} bytes`;
    if (!leastLengths.has(type)) {
      skipping = length - blockOverheadBytes;
      trailer = length;
      return at + 8;
    }
    if (length > available) return at;
    if (view.getUint32(at + length - 4, order) !== length) return 'a block whose two lengths differ';
    return readBlock(batch, at, type, length, order) ?? at + length;
  };

  /** Can a block of this type have this length? */
  const sound = (type: number, length: number): boolean => {
    const least = leastLengths.get(type);
    const most = least === undefined ? Infinity : bounds.captured_max_bytes + optionsMaxBytes;
    return length >= (least ?? blockOverheadBytes) && length <= most && length % 4 === 0;
  };

  const readBlock = (
    batch: WritableBatch,
    at: number,
    type: number,
    length: number,
    order: boolean,
  ): string | undefined => {
    if (type === blockTypes.section_header) {
      const major = batch.view.getUint16(at + 12, order);
      if (major !== 1) return `version ${major} of pcapng, and only 1 is read`;
      begun = true;
      section.little_endian = order;
      section.first_interface = interfaces.length;
      return undefined;
    }
    if (type === blockTypes.interface_description) {
      if (interfaces.length === interfacesMax) return `more than ${interfacesMax} interfaces`;
      const described = decodeInterface(batch.view, at, length, order);
      if (typeof described === 'string') return described;
      interfaces.push(described);
      return undefined;
    }
    return readPacketBlock(batch, at, type, length, section, interfaces, bounds);
  };

  /** Is the block at `at` little-endian? Undefined for a section header that says neither. */
  const byteOrder = (view: DataView, at: number, type: number): boolean | undefined => {
    if (type !== blockTypes.section_header) return section.little_endian;
    if (view.getUint32(at + 8, true) === byteOrderMagic) return true;
    return view.getUint32(at + 8) === byteOrderMagic ? false : undefined;
  };

  return {
    interfaces,
    get whole_bytes() {
      return wholeBytes;
    },
    needed(bytes, at, available) {
      if (skipping > 0) return 1;
      if (trailer > 0) return 4;
      // A section header's order is in its third word; no block is shorter.
      if (available < 12) return 12;
      const view = new DataView(bytes.buffer, bytes.byteOffset + at, available);
      const type = view.getUint32(0, section.little_endian);
      const order = byteOrder(view, 0, type);
      const length = order === undefined ? 0 : view.getUint32(4, order);
      // Damage is for `take` to report, as soon as the length is there.
      return leastLengths.has(type) && sound(type, length) ? length : 12;
    },
    take(bytes, from, position, batch) {
      const [end, capacity] = [bytes.length, batch.seconds.length];
      let at = from;
      if (!begun && end - at >= 4 && batch.view.getUint32(at) !== blockTypes.section_header) {
        raise('pcap_magic', { magic: magicText(batch.view.getUint32(at)) });
      }
      while (at < end && batch.count < capacity) {
        const next = step(batch, at);
        if (next === at) break;
        if (typeof next === 'string') {
          // What came before the damage is given first.
          if (batch.count > 0) break;
          raise('pcap_malformed', { offset: position + at, reason: next });
        }
        at = next;
        if (skipping === 0 && trailer === 0) wholeBytes = position + at;
      }
      return at;
    },
  };
}
