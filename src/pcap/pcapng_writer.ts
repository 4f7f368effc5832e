import { raise } from '../model/errors/fault.ts';
import { ByteSink } from './byte_sink.ts';
import type { CaptureWriter } from './capture_writer.ts';
import { linkTypes } from './link_type.ts';
import { padded } from './pcapng_block.ts';
import {
  encodeInterfaceDescription,
  encodeInterfaceStatistics,
  encodeSectionHeader,
  type InterfaceDescription,
} from './pcapng_encode.ts';
import { encodeEnhancedPacket, enhancedPacketOverheadBytes } from './pcapng_epb.ts';
import { lastTickSecond } from './pcapng_time.ts';
import { greatestSnaplen } from './snaplen.ts';

/** What a pcapng file is made of. */
export interface PcapngWriterOptions {
  /** Name and version of the program that writes (shb_userappl). */
  readonly application: string;
  readonly comment?: string;
  readonly interfaces: readonly InterfaceDescription[];
  /** About how large a chunk is; 1 MiB by default. */
  readonly chunk_bytes?: number;
}

/**
 * Makes a writer of pcapng: one little-endian section, all interfaces described in front, every packet in the form that it
 * was captured in, statistics at the end. libpcap reads a file only where all interfaces have the same snaplen and there is at
 * least one: each gets the greatest, and of no interface at all an Ethernet one is described. Several of raw IP it takes for different
 * ones under the number 101, so they are numbered 12 then, which Wireshark and libpcap read as the same.
 */
export function createPcapngWriter(options: PcapngWriterOptions): CaptureWriter {
  const sink = new ByteSink(options.chunk_bytes ?? 1_048_576);
  sink.write(encodeSectionHeader(options.application, options.comment));
  const { interfaces } = options;
  const snaplen = greatestSnaplen(interfaces);
  const described = interfaces.length > 0 ? interfaces : [{ linktype: linkTypes.ethernet }];
  const raw = onlyRaw(interfaces) ? { linktype: linkTypes.raw_12 } : {};
  for (const one of described) sink.write(encodeInterfaceDescription({ ...one, ...raw, snaplen }));
  return {
    append(batch, record, interface_number) {
      const seconds = batch.seconds[record] ?? 0;
      if (seconds < 0 || seconds > lastTickSecond) raise('pcap_time_range', { seconds, until: 2554 });
      const captured = batch.captured[record] ?? 0;
      const at = sink.reserve(enhancedPacketOverheadBytes + padded(captured));
      const place = encodeEnhancedPacket(
        sink.view,
        at,
        interface_number,
        seconds,
        batch.nanos[record] ?? 0,
        captured,
        batch.original[record] ?? 0,
      );
      const from = batch.offsets[record] ?? 0;
      sink.bytes.set(batch.bytes.subarray(from, from + captured), place);
    },
    ready: () => sink.take(),
    finish(statistics = []) {
      for (const [number, of] of statistics.entries()) {
        if (of !== undefined) sink.write(encodeInterfaceStatistics(number, of));
      }
      return sink.flush();
    },
  };
}

function onlyRaw(interfaces: readonly InterfaceDescription[]): boolean {
  return interfaces.length > 1 && interfaces.every(({ linktype }) => linktype === linkTypes.raw);
}
