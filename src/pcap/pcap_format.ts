import { raise } from '../model/errors/fault.ts';
import type { CaptureFormat, CaptureInterface, ReadOptions } from './capture_format.ts';
import { decodePcapHeader, pcapHeaderBytes } from './pcap_header.ts';
import { recordHeaderBytes } from './pcap_record.ts';
import type { WritableBatch } from './record_batch.ts';

/** Captured bytes of one packet at most, unless a reader is told otherwise: libpcap's own bound (MAXIMUM_SNAPLEN). */
export const capturedMaxBytes = 262_144;

/** The classic pcap format (draft-ietf-opsawg-pcap): microseconds or nanoseconds, either byte order. */
export function pcapFormat(options: ReadOptions): CaptureFormat {
  const maxBytes = options.captured_max_bytes ?? capturedMaxBytes;
  const strict = options.strict ?? false;
  let interfaces: readonly CaptureInterface[] = [];
  let little = true;
  let wholeBytes = 0;
  /** Fractions in a second, and nanoseconds in a fraction. */
  let [fractions, scale] = [1e9, 1];

  const readHeader = (bytes: Uint8Array, at: number): void => {
    const header = decodePcapHeader(bytes.subarray(at));
    interfaces = [{ linktype: header.linktype, snaplen: header.snaplen }];
    little = header.little_endian;
    [fractions, scale] = header.nanosecond ? [1e9, 1] : [1e6, 1000];
  };

  const damage = (view: DataView, at: number): string | undefined => {
    const captured = view.getUint32(at + 8, little);
    if (captured > maxBytes) return `a packet of ${captured} captured bytes, more than ${maxBytes}`;
    if (!strict) return undefined;
    const [seconds, fraction] = [view.getUint32(at, little), view.getUint32(at + 4, little)];
    const original = view.getUint32(at + 12, little);
    if (captured > original) return `a packet with ${captured} of ${original} bytes captured`;
    if (fraction >= fractions) return `a time of ${seconds} s and ${fraction} parts of a second`;
    return seconds === 0 && fraction === 0 && original === 0 ? 'a record header of zeros' : undefined;
  };

  return {
    get interfaces() {
      return interfaces;
    },
    get whole_bytes() {
      return wholeBytes;
    },
    needed(bytes, at, available) {
      if (interfaces.length === 0) return pcapHeaderBytes;
      if (available < recordHeaderBytes) return recordHeaderBytes;
      const view = new DataView(bytes.buffer, bytes.byteOffset + at, recordHeaderBytes);
      return damage(view, 0) === undefined ? recordHeaderBytes + view.getUint32(8, little) : recordHeaderBytes;
    },
    take(bytes, at, position, batch) {
      if (interfaces.length === 0) {
        if (bytes.length - at < pcapHeaderBytes) return at;
        readHeader(bytes, at);
        wholeBytes = pcapHeaderBytes;
        return at + pcapHeaderBytes;
      }
      const next = fill(batch, at);
      wholeBytes = position + next;
      if (batch.count === 0 && bytes.length - next >= recordHeaderBytes) {
        const reason = damage(batch.view, next);
        if (reason !== undefined) raise('pcap_malformed', { offset: position + next, reason });
      }
      return next;
    },
  };

  function fill(batch: WritableBatch, start: number): number {
    const { view, seconds, nanos, offsets, captured, original, interfaces: numbers } = batch;
    const [end, capacity] = [view.byteLength, seconds.length];
    let [at, count] = [start, batch.count];
    while (count < capacity && end - at >= recordHeaderBytes) {
      const length = view.getUint32(at + 8, little);
      if (length > maxBytes || end - at - recordHeaderBytes < length) break;
      if (strict && damage(view, at) !== undefined) break;
      const fraction = view.getUint32(at + 4, little);
      const carried = fraction < fractions ? 0 : Math.floor(fraction / fractions);
      seconds[count] = view.getUint32(at, little) + carried;
      nanos[count] = (fraction - carried * fractions) * scale;
      offsets[count] = at + recordHeaderBytes;
      captured[count] = length;
      original[count] = view.getUint32(at + 12, little);
      numbers[count] = 0;
      count++;
      at += recordHeaderBytes + length;
    }
    batch.count = count;
    return at;
  }
}
