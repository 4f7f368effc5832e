import { blockTypes } from './pcapng_block.ts';
import type { DescribedInterface } from './pcapng_interface.ts';
import { setTime } from './pcapng_time.ts';
import type { WritableBatch } from './record_batch.ts';

/** What a section says that its packet blocks are read with. */
export interface Section {
  little_endian: boolean;
  /** Number of the section's first interface among those of the whole file. */
  first_interface: number;
}

/** The bounds that packets are held to. */
export interface PacketBounds {
  readonly captured_max_bytes: number;
  readonly strict: boolean;
}

/**
 * Reads a packet block of any of the three kinds, `length` bytes at `at`, and adds it to the batch (draft-ietf-opsawg-pcapng,
 * sections 4.3, 4.4 and appendix A). A text is the reason why it cannot be read.
 */
export function readPacketBlock(
  batch: WritableBatch,
  at: number,
  type: number,
  length: number,
  section: Section,
  interfaces: readonly DescribedInterface[],
  bounds: PacketBounds,
): string | undefined {
  if (type === blockTypes.simple_packet) return readSimplePacket(batch, at, length, section, interfaces, bounds);
  const { view, count } = batch;
  const little = section.little_endian;
  const local = type === blockTypes.packet ? view.getUint16(at + 8, little) : view.getUint32(at + 8, little);
  const number = section.first_interface + local;
  const described = interfaces[number];
  if (described === undefined) return `a packet of interface ${local}, which is not described`;
  const captured = view.getUint32(at + 20, little);
  const original = view.getUint32(at + 24, little);
  if (captured > bounds.captured_max_bytes) return tooLong(captured, bounds);
  if (captured > length - 32) return `a packet of ${captured} captured bytes in a block of ${length}`;
  if (bounds.strict && captured > original) return `a packet with ${captured} of ${original} bytes captured`;
  const [high, low] = [view.getUint32(at + 12, little), view.getUint32(at + 16, little)];
  if (!setTime(batch, count, high, low, described.unit)) return 'a packet with a time that no clock shows';
  put(batch, at + 28, captured, original, number);
  return undefined;
}

/** A simple packet block has neither time nor captured length: those are 1970 and what the snaplen leaves. */
function readSimplePacket(
  batch: WritableBatch,
  at: number,
  length: number,
  section: Section,
  interfaces: readonly DescribedInterface[],
  bounds: PacketBounds,
): string | undefined {
  const described = interfaces[section.first_interface];
  if (described === undefined) return 'a packet of interface 0, which is not described';
  const original = batch.view.getUint32(at + 8, section.little_endian);
  const snaplen = described.snaplen === 0 ? original : described.snaplen;
  const captured = Math.min(original, snaplen);
  if (captured > bounds.captured_max_bytes) return tooLong(captured, bounds);
  if (captured > length - 16) return `a packet of ${captured} captured bytes in a block of ${length}`;
  batch.seconds[batch.count] = 0;
  batch.nanos[batch.count] = 0;
  put(batch, at + 12, captured, original, section.first_interface);
  return undefined;
}

function put(batch: WritableBatch, offset: number, captured: number, original: number, number: number): void {
  const { count } = batch;
  batch.offsets[count] = offset;
  batch.captured[count] = captured;
  batch.original[count] = original;
  batch.interfaces[count] = number;
  batch.count = count + 1;
}

function tooLong(captured: number, bounds: PacketBounds): string {
  return `a packet of ${captured} captured bytes, more than ${bounds.captured_max_bytes}`;
}
