import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { anyTime, ascending, buildPcap, parsePcap, samplePackets } from '../../test/support/packet_samples.ts';
import { runClean, runs, scratchFolder } from '../../test/support/packet_tools.ts';
import { batchOfPackets, readPackets } from '../../test/support/read_packets.ts';
import { batchOfPcapRecords } from './batch_of_pcap_records.ts';
import { appendMerged, type CaptureWriter } from './capture_writer.ts';
import { createCaptureWriter } from './create_capture_writer.ts';
import { newestOf } from './newest_of.ts';
import { createPcapWriter } from './pcap_writer.ts';
import { createPcapngWriter } from './pcapng_writer.ts';
import { batchOf, copyBatch, createRecordBatch, type RecordBatch } from './record_batch.ts';
import { recordsToEnhancedPackets } from './records_to_epb.ts';

const scratch = scratchFolder();
const application = 'edgetap 1.2.3';

function written(writer: CaptureWriter, batch: RecordBatch, interface_number = 0): Buffer {
  const chunks: Uint8Array[] = [];
  for (let record = 0; record < batch.count; record++) {
    writer.append(batch, record, interface_number);
    chunks.push(...writer.ready());
  }
  return Buffer.concat([...chunks, ...writer.finish()]);
}

describe('classic pcap', () => {
  test('is written byte for byte as an encoder of its own writes it, in chunks of any size', () => {
    fc.assert(
      fc.property(samplePackets(10, anyTime), fc.integer({ min: 1, max: 300 }), (packets, chunk_bytes) => {
        const writer = createPcapWriter({ linktypes: [101], snaplen: 4711, chunk_bytes });
        const file = written(writer, batchOfPackets(packets));
        expect(file).toEqual(buildPcap(packets, { linktype: 101, snaplen: 4711 }));
      }),
      { numRuns: runs(200) },
    );
  });

  test.each([
    ['no packets of one interface', [113], 113],
    ['no interfaces', [], 1],
    ['mixed', [101, 1], 1],
  ])('%s: an empty file that the tools read', (name, linktypes, into) => {
    const file = written(createPcapWriter({ linktypes, snaplen: 0 }), createRecordBatch(0));
    expect(parsePcap(file)).toEqual({ linktype: into, snaplen: 262_144, packets: [] });
    const path = scratch(`${name}.pcap`, file);
    expect(runClean('tshark', ['-r', path])).toBe('');
    expect(runClean('tcpdump', ['-r', path])).toBe('');
  });

  test('a time before 1970 or after 2106 is refused: pcap_time_range', () => {
    for (const seconds of [-1, 2 ** 32]) {
      const writer = createPcapWriter({ linktypes: [1], snaplen: 0 });
      const batch = batchOf([{ seconds, nanos: 0, interface: 0, original_length: 0, data: new Uint8Array(0) }]);
      expect(() => writer.append(batch, 0, 0)).toThrow(
        `A packet at ${seconds} s after 1970 cannot be put into this file`,
      );
    }
  });

  test('link types that cannot stand together are refused: linktype_mixed', () => {
    expect(() => createPcapWriter({ linktypes: [1, 127], snaplen: 0 })).toThrow(
      'Packets of link type 127 cannot be put',
    );
    expect(() => createPcapWriter({ linktypes: [127, 127], snaplen: 0 })).not.toThrow();
  });

  test('a snaplen holds for an added Ethernet header, within the bound of all readers', () => {
    const snaplenOf = (snaplen: number, ...linktypes: number[]): number =>
      parsePcap(written(createPcapWriter({ linktypes, snaplen }), createRecordBatch(0))).snaplen;
    expect([snaplenOf(160, 1), snaplenOf(160, 1, 101), snaplenOf(262_140, 101, 113)]).toEqual([160, 174, 262_144]);
  });
});

describe('pcapng', () => {
  const later = fc.bigInt(0n, 18_446_744_072_999_999_999n);

  test('is read back as it was written, to the nanosecond', () => {
    fc.assert(
      fc.property(samplePackets(10, later), fc.integer({ min: 1, max: 300 }), (packets, chunk_bytes) => {
        const interfaces = [0, 1, 2].map((number) => ({ linktype: number + 100, snaplen: 9, name: `if${number}` }));
        const writer = createPcapngWriter({ application, interfaces, chunk_bytes });
        const file = written(writer, batchOfPackets(packets), 2);
        const { packets: got, interfaces: numbers, reader, error } = readPackets([file]);
        expect(error).toBeUndefined();
        expect(got).toEqual(packets);
        expect(numbers).toEqual(packets.map(() => 2));
        expect(reader.interfaces).toMatchObject(interfaces);
      }),
      { numRuns: runs(200) },
    );
  });

  test('every field is where dissectors look for it, and what is not known is left out', () => {
    const writer = createPcapngWriter({
      application,
      comment: 'about the file',
      interfaces: [
        {
          linktype: 1,
          snaplen: 262_144,
          name: 'eth0',
          description: 'sensor ord02-1 ⇧',
          filter: 'tcp port 80',
          comment: 'about the interface',
        },
        { linktype: 276, snaplen: 160 },
      ],
    });
    const packet = { time: 1_700_000_000_123_456_789n, original: 60, data: new Uint8Array(33) };
    writer.append(batchOfPackets([packet]), 0, 0);
    const statistics = {
      taken_at: 1_700_000_002_000_000_003n,
      start_time: 1_700_000_000_000_000_001n,
      end_time: 1_700_000_001_000_000_002n,
      received: 2n ** 40n,
      interface_dropped: 2n ** 41n,
      accepted: 2n ** 42n,
      os_dropped: 2n ** 43n,
      delivered: 2n ** 44n,
      comment: 'about the numbers',
    };
    const file = Buffer.concat(writer.finish([statistics, { taken_at: 5n, os_dropped: 0n }]));
    const path = scratch('fields.pcapng', file);
    const text = runClean('tshark', ['-r', path, '-X', 'read_format:MIME Files Format', '-V']);
    const lines = text
      .split('\n')
      .map((line) => line.trim())
      .filter((line) =>
        /^(Block: |Option: |Link|Snap|Filter type|Interface: |Timestamp \(|\[Time|Captured Length|Packet Length)/.test(
          line,
        ),
      );
    expect(lines).toEqual([
      'Block: Section Header Block 1',
      'Option: Comment = about the file',
      'Option: User Application = edgetap 1.2.3',
      'Option: End of Options',
      'Block: Interface Description Block 0',
      'Link Type: ETHERNET (1)',
      'Snap Length: 262144',
      'Option: Comment = about the interface',
      'Option: Interface Name = eth0',
      'Option: Interface Description = sensor ord02-1 ⇧',
      'Option: Timestamp Resolution = 10^-9 (nanoseconds)',
      'Option: Filter = tcp port 80',
      'Filter type: libpcap string (0)',
      'Option: End of Options',
      'Block: Interface Description Block 1',
      'Link Type: LINUX_SLL2 (276)',
      'Snap Length: 262144',
      'Option: Timestamp Resolution = 10^-9 (nanoseconds)',
      'Option: End of Options',
      'Block: Enhanced Packet Block 1',
      'Interface: 0',
      'Timestamp (High): 395812094',
      'Timestamp (Low): 1032178965',
      '[Timestamp: Nov 14, 2023 22:13:20.123456789 UTC]',
      'Captured Length: 33',
      'Packet Length: 60',
      'Block: Interface Statistics Block',
      'Interface: 0',
      'Timestamp (High): 395812094',
      'Timestamp (Low): 2908722179',
      '[Timestamp: Nov 14, 2023 22:13:22.000000003 UTC]',
      'Option: Comment = about the numbers',
      'Option: Start Time',
      'Option: End Time',
      `Option: Number of Received Packets = ${2n ** 40n}`,
      `Option: Number of Dropped Packets = ${2n ** 41n}`,
      `Option: Number of Accepted Packets = ${2n ** 42n}`,
      `Option: Number of Packets Dropped by OS = ${2n ** 43n}`,
      `Option: Number of Packets Delivered to the User = ${2n ** 44n}`,
      'Option: End of Options',
      'Block: Interface Statistics Block',
      'Interface: 1',
      'Timestamp (High): 0',
      'Timestamp (Low): 5',
      '[Timestamp: Jan  1, 1970 00:00:00.000000005 UTC]',
      'Option: Number of Packets Dropped by OS = 0',
      'Option: End of Options',
    ]);
    // Start and end, whose values that dissector does not show: code, length, upper half, lower half.
    const option = (code: number, time: bigint): Buffer => {
      const bytes = Buffer.alloc(12);
      bytes.writeUInt16LE(code, 0);
      bytes.writeUInt16LE(8, 2);
      bytes.writeUInt32LE(Number(time >> 32n), 4);
      bytes.writeUInt32LE(Number(time & 0xffffffffn), 8);
      return bytes;
    };
    expect(file.includes(Buffer.concat([option(2, statistics.start_time), option(3, statistics.end_time)]))).toBe(true);
    const summary = runClean('capinfos', [path]);
    for (const part of [
      'Capture application: edgetap 1.2.3',
      'Number of stat entries = 1',
      'Filter string = tcp port 80',
    ]) {
      expect(summary).toContain(part);
    }
  });

  test.each([
    ['no interfaces', []],
    ['no packets', [{ linktype: 101, snaplen: 160, name: 'wg0' }]],
  ])('%s: an empty file that the tools read', (name, interfaces) => {
    const path = scratch(
      `${name}.pcapng`,
      written(createPcapngWriter({ application, interfaces }), createRecordBatch(0)),
    );
    expect(runClean('tshark', ['-r', path])).toBe('');
    expect(runClean('capinfos', ['-Mc', path])).toMatch(/Number of packets: {3}0\n/);
  });

  test('a text too long for an option ends in "…" after a whole character', () => {
    const filter = 'host 10.0.0.1 or ü'.repeat(4000);
    const interfaces = [{ linktype: 1, snaplen: 0, filter, name: 'ü'.repeat(32_768), description: 'x'.repeat(65_535) }];
    const file = written(createPcapngWriter({ application, interfaces }), createRecordBatch(0));
    const [described] = readPackets([file]).reader.interfaces;
    expect(described?.name).toBe(`${'ü'.repeat(32_766)}…`);
    expect(described?.description).toBe('x'.repeat(65_535));
    expect(filter.startsWith(described?.filter?.slice(0, -1) ?? '?')).toBe(true);
    expect(Buffer.byteLength(described?.filter ?? '')).toBeGreaterThan(65_525);
    const path = scratch('long.pcapng', file);
    expect(runClean('tshark', ['-r', path])).toBe('');
  });

  test('a time that 64 bits of nanoseconds do not hold is refused: pcap_time_range', () => {
    for (const seconds of [-1, 18_446_744_073]) {
      const writer = createPcapngWriter({ application, interfaces: [{ linktype: 1, snaplen: 0 }] });
      const batch = batchOf([{ seconds, nanos: 0, interface: 0, original_length: 0, data: new Uint8Array(0) }]);
      expect(() => writer.append(batch, 0, 0)).toThrow('cannot be put into this file: its times go from 1970 to 2554');
    }
  });
});

describe('records of libpcap to enhanced packet blocks, in bulk', () => {
  test('gives what the writer gives', () => {
    fc.assert(
      fc.property(samplePackets(12, anyTime), fc.nat(0xffffffff), (packets, number) => {
        const records = buildPcap(packets).subarray(24);
        const interfaces = [{ linktype: 1, snaplen: 0 }];
        const file = written(createPcapngWriter({ application, interfaces }), batchOfPackets(packets), number);
        const start = written(createPcapngWriter({ application, interfaces }), createRecordBatch(0)).length;
        expect(Buffer.from(recordsToEnhancedPackets(records, number))).toEqual(file.subarray(start));
      }),
      { numRuns: runs(200) },
    );
  });

  test('refuses a block that ends in the middle of a record: pcap_malformed', () => {
    const records = buildPcap([{ time: 0n, original: 9, data: new Uint8Array(9) }]).subarray(24);
    for (const end of [1, 15, 16, 24]) {
      expect(() => recordsToEnhancedPackets(records.subarray(0, end), 0)).toThrow('a record longer than its block');
    }
    records.writeUInt32LE(0xffffffff, 8);
    expect(() => recordsToEnhancedPackets(records, 0)).toThrow('at byte 0');
  });
});

test('the writer of a result is that of its format, with the greatest snaplen', () => {
  const interfaces = [
    { linktype: 1, snaplen: 160 },
    { linktype: 1, snaplen: 400 },
  ];
  const pcap = written(createCaptureWriter({ format: 'pcap', application, interfaces }), createRecordBatch(0));
  expect(parsePcap(pcap)).toMatchObject({ linktype: 1, snaplen: 400 });
  const unlimited = [...interfaces, { linktype: 1, snaplen: 0 }];
  const whole = createCaptureWriter({ format: 'pcap', application, interfaces: unlimited, chunk_bytes: 1 });
  expect(parsePcap(written(whole, createRecordBatch(0)))).toMatchObject({ linktype: 1, snaplen: 262_144 });
  const pcapng = written(
    createCaptureWriter({ format: 'pcapng', application, interfaces, chunk_bytes: 1 }),
    createRecordBatch(0),
  );
  expect(readPackets([pcapng]).reader.interfaces).toMatchObject(interfaces.map((one) => ({ ...one, snaplen: 400 })));
});

test('records that lie in memory as a file has them are written as any others, in either format', () => {
  const streams = fc.array(samplePackets(12), { minLength: 1, maxLength: 3 });
  fc.assert(
    fc.property(
      streams,
      fc.constantFrom('pcap' as const, 'pcapng' as const),
      fc.constantFrom([1, 1, 1], [1, 113, 1], [101, 101, 101]),
      fc.integer({ min: 1, max: 40 }),
      fc.integer({ min: 1, max: 300 }),
      (lists, format, linktypes, limit, chunk_bytes) => {
        const sorted = lists.map(ascending);
        const interfaces = sorted.map((_, index) => ({ linktype: linktypes[index] ?? 1, snaplen: 160 }));
        const file = (batches: readonly RecordBatch[]): Buffer => {
          const writer = createCaptureWriter({ format, application, interfaces, chunk_bytes });
          appendMerged(writer, newestOf(batches, limit));
          return Buffer.concat([...writer.ready(), ...writer.finish()]);
        };
        const packed = sorted.map((packets) => batchOfPcapRecords([buildPcap(packets).subarray(24)], 160));
        expect(packed.map((batch) => batch.packed)).toEqual(sorted.map(() => true));
        expect(file(packed)).toEqual(file(sorted.map(batchOfPackets)));
      },
    ),
    { numRuns: runs(300) },
  );
});

test('the copy of a batch outlives the batch', () => {
  const packets = [1, 2, 3].map((byte) => ({ time: BigInt(byte), original: 9, data: Uint8Array.of(byte, byte) }));
  const batch = batchOfPackets(packets);
  const copy = copyBatch(batch);
  batch.bytes.fill(0);
  batch.seconds.fill(0);
  expect(written(createPcapWriter({ linktypes: [1], snaplen: 262_144 }), copy)).toEqual(buildPcap(packets));
});
