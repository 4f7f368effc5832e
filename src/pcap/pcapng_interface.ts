import type { CaptureInterface } from './capture_format.ts';
import { optionCodes } from './pcapng_block.ts';
import { decodeOptions, type PcapngOption } from './pcapng_options.ts';
import { microseconds, type TickUnit, tickUnit } from './pcapng_time.ts';

/** An interface of a pcapng file, with the unit that its packets' times are counted in. */
export interface DescribedInterface extends CaptureInterface {
  readonly unit: TickUnit;
}

/**
 * Reads the interface description block of `length` bytes at `at` (draft-ietf-opsawg-pcapng, section 4.2). A text is the
 * reason why it cannot be read.
 */
export function decodeInterface(
  view: DataView,
  at: number,
  length: number,
  little_endian: boolean,
): DescribedInterface | string {
  const options = decodeOptions(view, at + 16, at + length - 4, little_endian);
  if (options === undefined) return 'an option longer than its block';
  const find = (code: number): PcapngOption['value'] | undefined =>
    options.find((option) => option.code === code)?.value;
  const [name, description] = [find(optionCodes.if_name), find(optionCodes.if_description)];
  const filter = find(optionCodes.if_filter);
  const resolution = find(optionCodes.if_tsresol)?.[0];
  const offset = readOffset(find(optionCodes.if_tsoffset), little_endian);
  if (offset === undefined) return 'a time offset that no clock shows';
  const unit = resolution === undefined ? { ...microseconds, offset_seconds: offset } : tickUnit(resolution, offset);
  if (unit === undefined) return `a time resolution of ${resolution}, finer than 64 bits hold`;
  return {
    linktype: view.getUint16(at + 8, little_endian),
    snaplen: view.getUint32(at + 12, little_endian),
    ...(name === undefined ? {} : { name: text(name) }),
    ...(description === undefined ? {} : { description: text(description) }),
    // The first octet says what kind of filter it is: 0 is libpcap text.
    ...(filter?.[0] === 0 ? { filter: text(filter.subarray(1)) } : {}),
    unit,
  };
}

function readOffset(value: Uint8Array | undefined, little_endian: boolean): number | undefined {
  if (value?.length !== 8) return 0;
  const seconds = Number(new DataView(value.buffer, value.byteOffset).getBigInt64(0, little_endian));
  return Number.isSafeInteger(seconds) ? seconds : undefined;
}

function text(value: Uint8Array): string {
  return new TextDecoder().decode(value);
}
