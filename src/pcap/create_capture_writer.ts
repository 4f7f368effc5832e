import type { FileFormat } from '../model/capture.ts';
import type { CaptureWriter } from './capture_writer.ts';
import { createPcapWriter } from './pcap_writer.ts';
import type { InterfaceDescription } from './pcapng_encode.ts';
import { createPcapngWriter } from './pcapng_writer.ts';
import { greatestSnaplen } from './snaplen.ts';

/** What a result file is made of, in either format. */
export interface CaptureWriterOptions {
  readonly format: FileFormat;
  /** Name and version of the program that writes; only pcapng has a place for it. */
  readonly application: string;
  /** Every interface whose packets come. A file has the greatest snaplen for all; classic pcap has a place only for the common link type. */
  readonly interfaces: readonly InterfaceDescription[];
  /** About the whole file; only pcapng has a place for it. */
  readonly comment?: string;
  /** About how large a chunk is; 1 MiB by default. */
  readonly chunk_bytes?: number;
}

/** Makes the writer of a result file. Throws `linktype_mixed` where classic pcap cannot hold these link types together. */
export function createCaptureWriter(options: CaptureWriterOptions): CaptureWriter {
  if (options.format === 'pcapng') return createPcapngWriter(options);
  const { interfaces, chunk_bytes } = options;
  return createPcapWriter({
    linktypes: interfaces.map(({ linktype }) => linktype),
    snaplen: greatestSnaplen(interfaces),
    ...(chunk_bytes === undefined ? {} : { chunk_bytes }),
  });
}
