import type { FileFormat } from '../model/capture.ts';
import type { CaptureWriter } from './capture_writer.ts';
import { createPcapWriter } from './pcap_writer.ts';
import type { InterfaceDescription } from './pcapng_encode.ts';
import { createPcapngWriter } from './pcapng_writer.ts';

/** What a result file is made of, in either format. */
export interface CaptureWriterOptions {
  readonly format: FileFormat;
  /** Name and version of the program that writes; only pcapng has a place for it. */
  readonly application: string;
  /** Every interface whose packets come. Classic pcap has a place only for the common link type and the greatest snaplen. */
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
  const snaplens = interfaces.map(({ snaplen }) => snaplen);
  return createPcapWriter({
    linktypes: interfaces.map(({ linktype }) => linktype),
    // 0 is no limit, so it is the greatest.
    snaplen: snaplens.includes(0) ? 0 : Math.max(0, ...snaplens),
    ...(chunk_bytes === undefined ? {} : { chunk_bytes }),
  });
}
