import type { FileFormat } from '../../model/capture.ts';
import { batchOfPcapRecords } from '../../pcap/batch_of_pcap_records.ts';
import { appendMerged } from '../../pcap/capture_writer.ts';
import { createCaptureWriter } from '../../pcap/create_capture_writer.ts';
import { newestOf } from '../../pcap/newest_of.ts';
import type { InterfaceDescription, InterfaceStatistics } from '../../pcap/pcapng_encode.ts';
import { timeOf } from '../../pcap/record_batch.ts';
import type { TimeNs } from '../../model/time.ts';
import type { AnsweredStream } from './ask_sensor.ts';
import { giveBack } from '../../model/give_back.ts';
import { type KnownRate, type PacketsEstimated, packetsEstimated } from './packets_estimated.ts';

/** Nearly all answers are one chunk: with what a packet may grow by, and what a pcapng file says beside them. */
const chunk_max_bytes = 1 << 22;
const grown_max_bytes = 24;
const chunk_spare_bytes = 8192;

/** One interface's answer, and what the file says of the interface. */
export interface FileStream extends AnsweredStream {
  readonly description: Omit<InterfaceDescription, 'linktype' | 'snaplen'>;
  readonly statistics: InterfaceStatistics;
  readonly rates: readonly KnownRate[];
}

/** A look-back's file, and how much of it came from each stream. */
export interface LookbackFile {
  readonly chunks: readonly Uint8Array<ArrayBuffer>[];
  /** Per stream, in their order. */
  readonly packets: readonly number[];
  readonly bytes: readonly number[];
  /** For how many packets all that were answered stand, in the file or not. */
  readonly estimated: readonly PacketsEstimated[];
  /** More were answered than the file may have. */
  readonly cut: boolean;
  /** Time of its oldest packet. */
  readonly oldest?: TimeNs;
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
  const answers = streams.map(({ records }) => batchOfPcapRecords(records, snaplen_bytes));
  // Copied together: what came over the bus is done with.
  for (const { records } of streams) for (const piece of records) giveBack(piece);
  const merged = newestOf(answers, packet_limit);
  const answered_bytes = answers.reduce((sum, { bytes, count }) => sum + bytes.length + count * grown_max_bytes, 0);
  const writer = createCaptureWriter({
    format,
    chunk_bytes: Math.min(chunk_max_bytes, answered_bytes + chunk_spare_bytes),
    application,
    comment,
    interfaces: streams.map(({ linktype, description }) => ({ ...description, linktype, snaplen: snaplen_bytes })),
  });
  appendMerged(writer, merged);
  for (const { bytes } of answers) giveBack(bytes);
  const packets = streams.map(() => 0);
  for (let index = 0; index < merged.count; index += 1) {
    const source = merged.sources[index] ?? 0;
    packets[source] = (packets[source] ?? 0) + 1;
  }
  const statistics = streams.map((stream, index) => ({ ...stream.statistics, delivered: BigInt(packets[index] ?? 0) }));
  const estimated = answers.map((batch, index) => {
    const times = { count: batch.count, at: (record: number): TimeNs => timeOf(batch, record) };
    return packetsEstimated(times, streams[index]?.rates ?? []);
  });
  const answered = answers.reduce((sum, batch) => sum + batch.count, 0);
  // Of each answer the newest are in the file: its last ones.
  const oldest = leastOf(
    answers.flatMap((batch, index) => {
      const count = packets[index] ?? 0;
      return count === 0 ? [] : [timeOf(batch, batch.count - count)];
    }),
  );
  const bytes = answers.map((batch, index) => {
    const taken = batch.captured.subarray(batch.count - (packets[index] ?? 0), batch.count);
    return taken.reduce((sum, captured) => sum + captured, 0);
  });
  return {
    chunks: [...writer.ready(), ...writer.finish(statistics)],
    packets,
    bytes,
    estimated,
    cut: answered > merged.count,
    ...(oldest === undefined ? {} : { oldest }),
  };
}

function leastOf(times: readonly TimeNs[]): TimeNs | undefined {
  return times.reduce(
    (least: TimeNs | undefined, time) => (least === undefined || time < least ? time : least),
    undefined,
  );
}
