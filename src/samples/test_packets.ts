import * as fc from 'fast-check';
import type { TimeNs } from '../model/time.ts';
import { encodeRecordHeader, recordHeaderBytes } from '../pcap/pcap_record.ts';
import { times } from '../../test/support/soak.ts';

/** A packet of a test. */
export interface TestPacket {
  readonly time: TimeNs;
  readonly original: number;
  readonly bytes: Uint8Array;
}

/** Packets as pcap records. */
export function recordsOf(packets: readonly TestPacket[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(packets.reduce((sum, one) => sum + recordHeaderBytes + one.bytes.length, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const { time, original, bytes: data } of packets) {
    const [seconds, nanos] = [Number(time / 1_000_000_000n), Number(time % 1_000_000_000n)];
    at = encodeRecordHeader(view, at, seconds, nanos, data.length, original);
    bytes.set(data, at);
    at += data.length;
  }
  return bytes;
}

/** The packets of pcap records, in order: the slow and plain way. */
export function packetsOf(records: Uint8Array): TestPacket[] {
  const view = new DataView(records.buffer, records.byteOffset, records.length);
  const packets: TestPacket[] = [];
  for (let at = 0; at < records.length; ) {
    const time = BigInt(view.getUint32(at, true)) * 1_000_000_000n + BigInt(view.getUint32(at + 4, true));
    const captured = view.getUint32(at + 8, true);
    const bytes = records.slice(at + recordHeaderBytes, at + recordHeaderBytes + captured);
    if (bytes.length !== captured) throw new Error(`the record at ${at} is not whole`);
    packets.push({ time, original: view.getUint32(at + 12, true), bytes });
    at += recordHeaderBytes + captured;
  }
  return packets;
}

/** Packets whose times lie close together, around a full second: many are equal, and the order is not theirs. */
export const crowdedPacket: fc.Arbitrary<TestPacket> = fc
  .record({ offset: fc.integer({ min: -40, max: 40 }), bytes: fc.uint8Array({ maxLength: 160 }), cut: fc.nat(2000) })
  .map(({ offset, bytes, cut }) => ({
    time: crowd_begin + BigInt(offset),
    original: Math.max(1, bytes.length + cut),
    bytes,
  }));

/** The full second that `crowdedPacket` is around. */
export const crowd_begin: TimeNs = 1_769_846_400_000_000_000n;

/** How often a property is tried: `runs`, times EDGETAP_SOAK. */
export function runs(count: number): { readonly numRuns: number } {
  return { numRuns: times(count) };
}
