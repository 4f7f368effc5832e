import type { ReadOptions } from '../../src/pcap/capture_format.ts';
import { type CaptureReader, createCaptureReader } from '../../src/pcap/capture_reader.ts';
import { batchOf, type RecordBatch, recordsOf, timeOf } from '../../src/pcap/record_batch.ts';

import type { SamplePacket } from './packet_samples.ts';

/** The packets of a batch, copied. */
export function packetsOf(batch: RecordBatch): SamplePacket[] {
  return [...recordsOf(batch)].map(({ data, original_length }, record) => ({
    time: timeOf(batch, record),
    original: original_length,
    data: Uint8Array.from(data),
  }));
}

/** Everything that a reader gives of a file, and how it ended: `error` is what it threw. */
export function readPackets(
  chunks: readonly Uint8Array[],
  options: ReadOptions = {},
): { reader: CaptureReader; packets: SamplePacket[]; interfaces: number[]; error: unknown } {
  const reader = createCaptureReader(options);
  const packets: SamplePacket[] = [];
  const interfaces: number[] = [];
  let error: unknown;
  try {
    for (const chunk of chunks) {
      for (const batch of reader.push(chunk)) {
        packets.push(...packetsOf(batch));
        interfaces.push(...batch.interfaces.subarray(0, batch.count));
      }
    }
    reader.end();
  } catch (thrown) {
    error = thrown;
  }
  return { reader, packets, interfaces, error };
}

/** A batch of packets. */
export function batchOfPackets(packets: readonly SamplePacket[]): RecordBatch {
  return batchOf(
    packets.map(({ time, original, data }) => ({
      seconds: Number(time / 1_000_000_000n),
      nanos: Number(time % 1_000_000_000n),
      original_length: original,
      interface: 0,
      data,
    })),
  );
}
