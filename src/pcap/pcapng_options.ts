import { optionCodes, padded } from './pcapng_block.ts';

/** One option of a pcapng block. */
export interface PcapngOption {
  readonly code: number;
  readonly value: Uint8Array;
}

/** Longest value of an option: its length is 16 bits. */
const valueMaxBytes = 65_535;

/**
 * Reads the options between two offsets of a block; what follows the end-of-options option is not looked at. Undefined
 * where an option is longer than the block.
 */
export function decodeOptions(
  view: DataView,
  from: number,
  to: number,
  little_endian: boolean,
): PcapngOption[] | undefined {
  const options: PcapngOption[] = [];
  let at = from;
  while (to - at >= 4) {
    const code = view.getUint16(at, little_endian);
    const length = view.getUint16(at + 2, little_endian);
    if (code === optionCodes.end) return options;
    if (length > to - at - 4) return undefined;
    options.push({ code, value: new Uint8Array(view.buffer, view.byteOffset + at + 4, length) });
    at += 4 + padded(length);
  }
  return options;
}

/** Writes options, each padded to 32 bits, with the end-of-options option after them; nothing at all where there are none. */
export function encodeOptions(options: readonly PcapngOption[]): Uint8Array {
  if (options.length === 0) return new Uint8Array(0);
  const bytes = new Uint8Array(options.reduce((sum, { value }) => sum + 4 + padded(value.length), 4));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const { code, value } of options) {
    view.setUint16(at, code, true);
    view.setUint16(at + 2, value.length, true);
    bytes.set(value, at + 4);
    at += 4 + padded(value.length);
  }
  return bytes;
}

/** An option's text in UTF-8. What does not fit is cut between two characters and ends in "…". */
export function textValue(text: string, reserved_bytes = 0): Uint8Array {
  const most = valueMaxBytes - reserved_bytes;
  const bytes = new TextEncoder().encode(text);
  if (bytes.length <= most) return bytes;
  const mark = new TextEncoder().encode('…');
  let end = most - mark.length;
  // 10xxxxxx continues a character.
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  bytes.set(mark, end);
  return bytes.subarray(0, end + mark.length);
}
