import type { TimeNs } from '../model/time.ts';
import { blockOverheadBytes, blockTypes, byteOrderMagic, optionCodes } from './pcapng_block.ts';
import { encodeOptions, type PcapngOption, textValue } from './pcapng_options.ts';

/** What a pcapng file says of one interface. Not known = left out. */
export interface InterfaceDescription {
  readonly linktype: number;
  readonly snaplen: number;
  readonly name?: string;
  readonly description?: string;
  /** The capture filter as libpcap text. */
  readonly filter?: string;
  readonly comment?: string;
}

/** What a pcapng file says of one interface at its end. Not known = left out, never zero in its place. */
export interface InterfaceStatistics {
  /** When the counters were read. */
  readonly taken_at: TimeNs;
  readonly start_time?: TimeNs;
  readonly end_time?: TimeNs;
  /** Packets that the interface received (isb_ifrecv). */
  readonly received?: bigint;
  /** Packets that the interface itself dropped (isb_ifdrop). */
  readonly interface_dropped?: bigint;
  /** Packets that the filter accepted (isb_filteraccept). */
  readonly accepted?: bigint;
  /** Packets that the operating system dropped for lack of room (isb_osdrop). */
  readonly os_dropped?: bigint;
  /** Packets that reached the file (isb_usrdeliv). */
  readonly delivered?: bigint;
  readonly comment?: string;
}

/** A section header block, little-endian, of unknown section length: `application` wrote it (shb_userappl). */
export function encodeSectionHeader(application: string, comment?: string): Uint8Array {
  const body = new Uint8Array(16);
  const view = new DataView(body.buffer);
  view.setUint32(0, byteOrderMagic, true);
  view.setUint16(4, 1, true);
  view.setBigInt64(8, -1n, true);
  return block(blockTypes.section_header, body, [
    ...text(optionCodes.comment, comment),
    ...text(optionCodes.shb_userappl, application),
  ]);
}

/** An interface description block; its packets' times are nanoseconds (if_tsresol 9). */
export function encodeInterfaceDescription(of: InterfaceDescription): Uint8Array {
  const body = new Uint8Array(8);
  const view = new DataView(body.buffer);
  view.setUint16(0, of.linktype, true);
  view.setUint32(4, of.snaplen, true);
  return block(blockTypes.interface_description, body, [
    ...text(optionCodes.comment, of.comment),
    ...text(optionCodes.if_name, of.name),
    ...text(optionCodes.if_description, of.description),
    { code: optionCodes.if_tsresol, value: Uint8Array.of(9) },
    ...(of.filter === undefined ? [] : [{ code: optionCodes.if_filter, value: libpcapFilter(of.filter) }]),
  ]);
}

/** An interface statistics block for the interface of that number in the section. */
export function encodeInterfaceStatistics(number: number, of: InterfaceStatistics): Uint8Array {
  const body = new Uint8Array(12);
  new DataView(body.buffer).setUint32(0, number, true);
  body.set(timestamp(of.taken_at), 4);
  const time = (code: number, value: TimeNs | undefined): PcapngOption[] =>
    value === undefined ? [] : [{ code, value: timestamp(value) }];
  return block(blockTypes.interface_statistics, body, [
    ...text(optionCodes.comment, of.comment),
    ...time(optionCodes.isb_starttime, of.start_time),
    ...time(optionCodes.isb_endtime, of.end_time),
    ...counter(optionCodes.isb_ifrecv, of.received),
    ...counter(optionCodes.isb_ifdrop, of.interface_dropped),
    ...counter(optionCodes.isb_filteraccept, of.accepted),
    ...counter(optionCodes.isb_osdrop, of.os_dropped),
    ...counter(optionCodes.isb_usrdeliv, of.delivered),
  ]);
}

function block(type: number, body: Uint8Array, options: readonly PcapngOption[]): Uint8Array {
  const encoded = encodeOptions(options);
  const length = blockOverheadBytes + body.length + encoded.length;
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, type, true);
  view.setUint32(4, length, true);
  bytes.set(body, 8);
  bytes.set(encoded, 8 + body.length);
  view.setUint32(length - 4, length, true);
  return bytes;
}

function text(code: number, value: string | undefined): PcapngOption[] {
  return value === undefined ? [] : [{ code, value: textValue(value) }];
}

/** if_filter: an octet for the kind, 0 for libpcap text, then the text. */
function libpcapFilter(filter: string): Uint8Array {
  const encoded = textValue(filter, 1);
  const value = new Uint8Array(encoded.length + 1);
  value.set(encoded, 1);
  return value;
}

function counter(code: number, value: bigint | undefined): PcapngOption[] {
  if (value === undefined) return [];
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, value, true);
  return [{ code, value: bytes }];
}

/** 64 bits of nanoseconds, the upper half first whatever the byte order. */
function timestamp(time: TimeNs): Uint8Array {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, Number((time >> 32n) & 0xffffffffn), true);
  view.setUint32(4, Number(time & 0xffffffffn), true);
  return bytes;
}
