import { raise } from '../model/errors/fault.ts';
import { recordHeaderBytes } from './pcap_record.ts';
import { createRecordBatch, type RecordBatch, setBatchBytes } from './record_batch.ts';

/**
 * Whole little-endian nanosecond pcap records, in pieces, as one batch with bytes of its own. Throws `pcap_malformed` where they are not
 * whole, or have more captured bytes than `snaplen_bytes`.
 */
export function batchOfPcapRecords(pieces: readonly Uint8Array[], snaplen_bytes: number): RecordBatch {
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let copied = 0;
  for (const piece of pieces) {
    bytes.set(piece, copied);
    copied += piece.length;
  }
  const view = new DataView(bytes.buffer);
  const batch = createRecordBatch(countRecords(view, snaplen_bytes));
  setBatchBytes(batch, bytes);
  batch.packed = true;
  for (let at = 0; at < bytes.length; batch.count += 1) {
    const record = batch.count;
    batch.seconds[record] = view.getUint32(at, true);
    batch.nanos[record] = view.getUint32(at + 4, true);
    batch.captured[record] = view.getUint32(at + 8, true);
    batch.original[record] = view.getUint32(at + 12, true);
    batch.offsets[record] = at + recordHeaderBytes;
    at += recordHeaderBytes + view.getUint32(at + 8, true);
  }
  return batch;
}

function countRecords(view: DataView, snaplen_bytes: number): number {
  let [count, at] = [0, 0];
  for (; at < view.byteLength; count += 1) {
    const left = view.byteLength - at - recordHeaderBytes;
    const captured = left < 0 ? 0 : view.getUint32(at + 8, true);
    if (captured > snaplen_bytes) {
      raise('pcap_malformed', {
        offset: at,
        reason: `a packet of ${captured} captured bytes, more than ${snaplen_bytes}`,
      });
    }
    if (captured > left) raise('pcap_malformed', { offset: at, reason: 'a record that is not whole' });
    if (view.getUint32(at + 4, true) >= 1e9)
      raise('pcap_malformed', { offset: at, reason: 'a time beyond its second' });
    at += recordHeaderBytes + captured;
  }
  return count;
}
