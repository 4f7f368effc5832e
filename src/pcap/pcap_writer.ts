import { raise } from '../model/errors/fault.ts';
import { ByteSink } from './byte_sink.ts';
import type { CaptureWriter } from './capture_writer.ts';
import { linkTypes } from './link_type.ts';
import { capturedMaxBytes } from './pcap_format.ts';
import { encodePcapHeader } from './pcap_header.ts';
import { encodeRecordHeader, recordHeaderBytes } from './pcap_record.ts';
import { canBeEthernet, createEthernetForm, ethernetHeaderBytes, toEthernet } from './to_ethernet.ts';

/** What a classic pcap file is made of. */
export interface PcapWriterOptions {
  /** Link type of each interface whose packets come; packets of different ones all become Ethernet frames. */
  readonly linktypes: readonly number[];
  /** The most bytes kept of a packet; 0 for no limit. */
  readonly snaplen: number;
  /** About how large a chunk is; 1 MiB by default. */
  readonly chunk_bytes?: number;
}

/** The link type of one file for packets of these: their own where it is one, Ethernet where they are mixed or none. */
function commonLinktype(linktypes: readonly number[]): number {
  const [first = linkTypes.ethernet] = linktypes;
  return linktypes.every((linktype) => linktype === first) ? first : linkTypes.ethernet;
}

/**
 * Makes a writer of classic pcap: little-endian, nanoseconds, version 2.4. Throws `linktype_mixed` where link types differ
 * and one of them cannot become Ethernet.
 */
export function createPcapWriter(options: PcapWriterOptions): CaptureWriter {
  const into = commonLinktype(options.linktypes);
  for (const linktype of options.linktypes) {
    if (linktype !== into && !canBeEthernet(linktype)) raise('linktype_mixed', { linktype, into });
  }
  const sink = new ByteSink(options.chunk_bytes ?? 1_048_576);
  const form = createEthernetForm();
  sink.write(encodePcapHeader({ linktype: into, snaplen: writtenSnaplen(options, into) }));
  const append: CaptureWriter['append'] = (batch, record, interface_number) => {
    const seconds = batch.seconds[record] ?? 0;
    const offset = batch.offsets[record] ?? 0;
    if (seconds < 0 || seconds > 0xffffffff) raise('pcap_time_range', { seconds, until: 2106 });
    form.captured = batch.captured[record] ?? 0;
    form.original = batch.original[record] ?? 0;
    form.header_length = 0;
    form.skip = 0;
    const linktype = options.linktypes[interface_number] ?? into;
    if (linktype !== into) toEthernet(linktype, batch.view, offset, form.captured, form.original, form);
    const at = sink.reserve(recordHeaderBytes + form.captured);
    const nanos = batch.nanos[record] ?? 0;
    let place = encodeRecordHeader(sink.view, at, seconds, nanos, form.captured, form.original);
    if (form.header_length > 0) sink.bytes.set(form.header, place);
    place += form.header_length;
    const from = offset + form.skip;
    sink.bytes.set(batch.bytes.subarray(from, from + form.captured - form.header_length), place);
  };
  return {
    append,
    appendPacked(batch, first, end, interface_number) {
      if ((options.linktypes[interface_number] ?? into) !== into) {
        for (let record = first; record < end; record += 1) append(batch, record, interface_number);
        return;
      }
      const last = end - 1;
      const from = (batch.offsets[first] ?? 0) - recordHeaderBytes;
      sink.write(batch.bytes.subarray(from, (batch.offsets[last] ?? 0) + (batch.captured[last] ?? 0)));
    },
    ready: () => sink.take(),
    finish: () => sink.flush(),
  };
}

/** Readers cut a packet at the file's snaplen, so it must hold for the Ethernet headers that are added, too. */
function writtenSnaplen(options: PcapWriterOptions, into: number): number {
  if (options.snaplen === 0) return capturedMaxBytes;
  const grown = options.linktypes.some((linktype) => linktype !== into) ? ethernetHeaderBytes : 0;
  return Math.min(options.snaplen + grown, capturedMaxBytes);
}
