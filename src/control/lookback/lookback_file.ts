import type { FileFormat } from '../../model/capture.ts';
import { createCaptureReader } from '../../pcap/capture_reader.ts';
import { appendMerged } from '../../pcap/capture_writer.ts';
import { createCaptureWriter } from '../../pcap/create_capture_writer.ts';
import { newestOf } from '../../pcap/newest_of.ts';
import { encodePcapHeader } from '../../pcap/pcap_header.ts';
import type { InterfaceDescription, InterfaceStatistics } from '../../pcap/pcapng_encode.ts';
import { batchOf, type PacketRecord, recordAt, type RecordBatch, timeOf } from '../../pcap/record_batch.ts';
import type { TimeNs } from '../../model/time.ts';
import type { AnsweredStream } from './ask_sensor.ts';
import { type KnownRate, type PacketsEstimated, packetsEstimated } from './packets_estimated.ts';

/** One interface's answer, and what the file says of the interface. */
export interface FileStream extends AnsweredStream {
  readonly description: Omit<InterfaceDescription, 'linktype' | 'snaplen'>;
  readonly statistics: InterfaceStatistics;
  readonly rates: readonly KnownRate[];
}

/** A look-back's file, and how much of it came from each stream. */
export interface LookbackFile {
  readonly chunks: readonly Uint8Array[];
  /** Per stream, in their order. */
  readonly packets: readonly number[];
  readonly bytes: readonly number[];
  readonly estimated: readonly PacketsEstimated[];
}

/** Puts the newest `packet_limit` packets of all answers into one file, ascending; streams come in their total order. */
export function lookbackFile(
  streams: readonly FileStream[],
  options: {
    readonly packet_limit: number;
    readonly format: FileFormat;
    readonly snaplen_bytes: number;
    readonly application: string;
    readonly comment: string;
  },
): LookbackFile {
  const { packet_limit, format, snaplen_bytes, application, comment } = options;
  const merged = newestOf(
    streams.map((stream) => wholeBatch(stream, snaplen_bytes)),
    packet_limit,
  );
  const writer = createCaptureWriter({
    format,
    application,
    comment,
    interfaces: streams.map(({ linktype, description }) => ({ ...description, linktype, snaplen: snaplen_bytes })),
  });
  appendMerged(writer, merged);
  const packets = streams.map(() => 0);
  const bytes = streams.map(() => 0);
  const times = streams.map((): TimeNs[] => []);
  for (let index = 0; index < merged.count; index += 1) {
    const source = merged.sources[index] ?? 0;
    const [batch, record] = [merged.batches[source], merged.records[index] ?? 0];
    packets[source] = (packets[source] ?? 0) + 1;
    bytes[source] = (bytes[source] ?? 0) + (batch?.captured[record] ?? 0);
    if (batch !== undefined) times[source]?.push(timeOf(batch, record));
  }
  const statistics = streams.map((stream, index) => ({ ...stream.statistics, delivered: BigInt(packets[index] ?? 0) }));
  const estimated = streams.map(({ rates }, index) => packetsEstimated(times[index] ?? [], rates));
  return { chunks: [...writer.ready(), ...writer.finish(statistics)], packets, bytes, estimated };
}

/** All packets of one answer as one batch. */
function wholeBatch(stream: AnsweredStream, snaplen: number): RecordBatch {
  const reader = createCaptureReader();
  const records: PacketRecord[] = [];
  for (const chunk of [encodePcapHeader({ linktype: stream.linktype, snaplen }), ...stream.records]) {
    for (const batch of reader.push(chunk)) {
      // The reader reuses its batch: each packet is copied out of it.
      for (let record = 0; record < batch.count; record += 1) {
        const one = recordAt(batch, record);
        records.push({ ...one, data: one.data.slice() });
      }
    }
  }
  reader.end();
  return batchOf(records);
}
