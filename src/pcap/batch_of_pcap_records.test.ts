import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { batchOfPcapRecords } from './batch_of_pcap_records.ts';
import { createCaptureReader } from './capture_reader.ts';
import { encodePcapHeader } from './pcap_header.ts';
import { encodeRecordHeader, recordHeaderBytes } from './pcap_record.ts';
import { type PacketRecord, recordsOf } from './record_batch.ts';
import { times } from '../../test/support/soak.ts';

const packet: fc.Arbitrary<PacketRecord> = fc.record({
  seconds: fc.integer({ min: 0, max: 0xffff_ffff }),
  nanos: fc.integer({ min: 0, max: 999_999_999 }),
  original_length: fc.integer({ min: 0, max: 0xffff_ffff }),
  interface: fc.constant(0),
  data: fc.uint8Array({ maxLength: 40 }),
});

function encode({ seconds, nanos, original_length, data }: PacketRecord): Uint8Array {
  const bytes = new Uint8Array(recordHeaderBytes + data.length);
  encodeRecordHeader(new DataView(bytes.buffer), 0, seconds, nanos, data.length, original_length);
  bytes.set(data, recordHeaderBytes);
  return bytes;
}

function faultOf(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}

test('has what the reader of files finds in the same records, however they are cut', () => {
  fc.assert(
    fc.property(fc.array(packet, { maxLength: 30 }), fc.array(fc.nat(2000), { maxLength: 5 }), (packets, cuts) => {
      const all = Buffer.concat(packets.map(encode));
      const ends = [...cuts.filter((cut) => cut < all.length).toSorted((a, b) => a - b), all.length];
      const pieces = ends.map((end, index) => new Uint8Array(all.subarray(ends[index - 1] ?? 0, end)));
      const reader = createCaptureReader();
      const read: PacketRecord[] = [];
      for (const chunk of [encodePcapHeader({ linktype: 1, snaplen: 40 }), all]) {
        for (const batch of reader.push(chunk)) {
          for (const one of recordsOf(batch)) read.push({ ...one, data: one.data.slice() });
        }
      }
      const plain = (records: Iterable<PacketRecord>): unknown =>
        Array.from(records, (one) => ({ ...one, data: [...one.data] }));
      expect(plain(recordsOf(batchOfPcapRecords(pieces, 40)))).toEqual(plain(read));
      expect(plain(read)).toEqual(plain(packets));
    }),
    { numRuns: times(200) },
  );
});

test('records that are not whole, too long or of no time are refused, and nothing is read outside', () => {
  const good = encode({ seconds: 1, nanos: 2, original_length: 9, interface: 0, data: new Uint8Array(9) });
  expect(batchOfPcapRecords([good, good], 9).count).toBe(2);
  for (let length = 1; length < good.length; length += 1) {
    expect(faultOf(() => batchOfPcapRecords([good, good.subarray(0, length)], 9))).toMatchObject({
      faults: [{ name: 'pcap_malformed', message: expect.stringContaining(` ${good.length}`) }],
    });
  }
  expect(faultOf(() => batchOfPcapRecords([good], 8))).toMatchObject({ faults: [{ name: 'pcap_malformed' }] });
  const late = encode({ seconds: 1, nanos: 1e9, original_length: 9, interface: 0, data: new Uint8Array(9) });
  expect(faultOf(() => batchOfPcapRecords([late], 9))).toMatchObject({ faults: [{ name: 'pcap_malformed' }] });
});
