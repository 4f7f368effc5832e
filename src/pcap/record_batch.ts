import type { TimeNs } from '../model/time.ts';

/**
 * Packets in columns: one entry per packet in every array, the packets' bytes somewhere in `bytes`. Readers fill the same
 * batch over and over, so a batch is good until the next one is asked for.
 */
export interface RecordBatch {
  readonly count: number;
  readonly bytes: Uint8Array;
  /** The same bytes, for reading fields. */
  readonly view: DataView;
  /** Unix seconds, rounded down. */
  readonly seconds: Float64Array;
  /** Nanoseconds of that second, 0 to 999,999,999. */
  readonly nanos: Uint32Array;
  /** Where the packet begins in `bytes`. */
  readonly offsets: Uint32Array;
  /** How many of its bytes were captured. */
  readonly captured: Uint32Array;
  /** How many bytes it had on the wire. */
  readonly original: Uint32Array;
  /** Number of the interface within the file; always 0 in a classic pcap file. */
  readonly interfaces: Uint32Array;
  /**
   * The records lie in `bytes` as a little-endian nanosecond pcap file has them, one right behind the other, each header before
   * its packet.
   */
  readonly packed?: boolean;
}

/** A batch that is being filled. */
export interface WritableBatch extends RecordBatch {
  packed?: boolean;
  count: number;
  bytes: Uint8Array;
  view: DataView;
}

/** One packet by itself. */
export interface PacketRecord {
  readonly seconds: number;
  readonly nanos: number;
  readonly original_length: number;
  readonly interface: number;
  /** A view of the batch's bytes: copy it to keep it. */
  readonly data: Uint8Array;
}

/** An empty batch with room for so many packets. */
export function createRecordBatch(capacity: number): WritableBatch {
  const bytes = new Uint8Array(0);
  return {
    count: 0,
    bytes,
    view: new DataView(bytes.buffer),
    seconds: new Float64Array(capacity),
    nanos: new Uint32Array(capacity),
    offsets: new Uint32Array(capacity),
    captured: new Uint32Array(capacity),
    original: new Uint32Array(capacity),
    interfaces: new Uint32Array(capacity),
  };
}

/** Points a batch at other bytes. */
export function setBatchBytes(batch: WritableBatch, bytes: Uint8Array): void {
  batch.bytes = bytes;
  batch.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The moment of one packet of a batch. */
export function timeOf(batch: RecordBatch, record: number): TimeNs {
  return BigInt(batch.seconds[record] ?? 0) * 1_000_000_000n + BigInt(batch.nanos[record] ?? 0);
}

/** One packet of a batch by itself. */
function recordAt(batch: RecordBatch, record: number): PacketRecord {
  const offset = batch.offsets[record] ?? 0;
  return {
    seconds: batch.seconds[record] ?? 0,
    nanos: batch.nanos[record] ?? 0,
    original_length: batch.original[record] ?? 0,
    interface: batch.interfaces[record] ?? 0,
    data: batch.bytes.subarray(offset, offset + (batch.captured[record] ?? 0)),
  };
}

/** The packets of a batch one by one, where ease counts more than speed. */
export function* recordsOf(batch: RecordBatch): Generator<PacketRecord, void, undefined> {
  for (let record = 0; record < batch.count; record++) yield recordAt(batch, record);
}

/** Single packets as one batch with bytes of its own. */
export function batchOf(records: readonly PacketRecord[]): RecordBatch {
  const batch = createRecordBatch(records.length);
  const bytes = new Uint8Array(records.reduce((sum, record) => sum + record.data.length, 0));
  let offset = 0;
  for (const record of records) {
    bytes.set(record.data, offset);
    batch.seconds[batch.count] = record.seconds;
    batch.nanos[batch.count] = record.nanos;
    batch.offsets[batch.count] = offset;
    batch.captured[batch.count] = record.data.length;
    batch.original[batch.count] = record.original_length;
    batch.interfaces[batch.count] = record.interface;
    batch.count++;
    offset += record.data.length;
  }
  setBatchBytes(batch, bytes);
  return batch;
}

/** A copy of a batch that stays good, without the bytes between its packets. */
export function copyBatch(batch: RecordBatch): RecordBatch {
  const copy = createRecordBatch(batch.count);
  let total = 0;
  for (let record = 0; record < batch.count; record++) total += batch.captured[record] ?? 0;
  const bytes = new Uint8Array(total);
  let to = 0;
  for (let record = 0; record < batch.count; record++) {
    const from = batch.offsets[record] ?? 0;
    const length = batch.captured[record] ?? 0;
    bytes.set(batch.bytes.subarray(from, from + length), to);
    copy.offsets[record] = to;
    to += length;
  }
  copy.seconds.set(batch.seconds.subarray(0, batch.count));
  copy.nanos.set(batch.nanos.subarray(0, batch.count));
  copy.captured.set(batch.captured.subarray(0, batch.count));
  copy.original.set(batch.original.subarray(0, batch.count));
  copy.interfaces.set(batch.interfaces.subarray(0, batch.count));
  copy.count = batch.count;
  setBatchBytes(copy, bytes);
  return copy;
}
