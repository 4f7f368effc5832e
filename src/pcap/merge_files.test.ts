import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import {
  ascending,
  buildPcap,
  cutAt,
  parsePcap,
  type SamplePacket,
  samplePackets,
} from '../../test/support/packet_samples.ts';
import { runClean, runs, runTool, scratchFolder } from '../../test/support/packet_tools.ts';
import { pcapngBlocks } from '../../test/support/pcapng_blocks.ts';
import { batchOfPackets, readPackets } from '../../test/support/read_packets.ts';
import type { FileFormat } from '../model/capture.ts';
import { appendMerged } from './capture_writer.ts';
import { type FilePart, mergeFiles, type MergeFilesOptions } from './merge_files.ts';
import { encodeSectionHeader } from './pcapng_encode.ts';
import { createPcapngWriter } from './pcapng_writer.ts';
import { sortRuns } from './sort_runs.ts';

const scratch = scratchFolder();
const application = 'edgetap 1.2.3';

async function fileOf(parts: readonly FilePart[], options: Partial<MergeFilesOptions> = {}): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of mergeFiles(parts, { format: 'pcap', application, ...options })) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** A part as pcap or pcapng, in pieces that are spoiled once the next is asked for. */
async function* pieces(file: Uint8Array, cuts: readonly number[]): AsyncGenerator<Uint8Array> {
  for (const piece of cutAt(file, cuts)) {
    await Promise.resolve();
    yield piece;
    piece.fill(0xee);
  }
}
function pcapngPart(packets: readonly SamplePacket[], linktype = 1): Buffer {
  const writer = createPcapngWriter({ application, interfaces: [{ linktype, snaplen: 262_144 }] });
  for (const packet of packets) writer.append(batchOfPackets([packet]), 0, 0);
  return Buffer.concat(writer.finish());
}

const parts = fc.array(
  fc.record({
    packets: samplePackets(12).map(ascending),
    format: fc.constantFrom<FileFormat>('pcap', 'pcapng'),
    cuts: fc.array(fc.nat(), { maxLength: 12 }),
  }),
  { minLength: 1, maxLength: 5 },
);

test('one file of many is what a stable sort gives, whatever formats and pieces the parts come in', async () => {
  await fc.assert(
    fc.asyncProperty(
      parts,
      fc.constantFrom<FileFormat>('pcap', 'pcapng'),
      fc.option(fc.nat(30)),
      async (list, format, limit) => {
        const sources = list.map(({ packets, format, cuts }) => ({
          chunks: pieces(format === 'pcap' ? buildPcap(packets) : pcapngPart(packets), cuts),
        }));
        const file = await fileOf(sources, {
          format,
          chunk_bytes: 100,
          ...(limit === null ? {} : { packet_limit: limit }),
        });
        const all = ascending(list.flatMap(({ packets }, part) => packets.map((packet) => ({ ...packet, part }))));
        const kept = all.slice(0, limit ?? undefined);
        const { packets, interfaces, error } = readPackets([file]);
        expect(error).toBeUndefined();
        expect(packets).toEqual(kept.map(({ time, original, data }) => ({ time, original, data })));
        if (format === 'pcapng') expect(interfaces).toEqual(kept.map((packet) => (packet as { part?: number }).part));
      },
    ),
    { numRuns: runs(300) },
  );
});

test('one file of many is what mergecap makes of them, byte for byte', async () => {
  const seconds = fc.integer({ min: 1_700_000_000, max: 1_700_000_003 }).map((value) => BigInt(value) * 1_000_000_000n);
  const times = fc.tuple(seconds, fc.integer({ min: 0, max: 3 })).map(([second, nanos]) => second + BigInt(nanos));
  const packets = samplePackets(60, times).map((list) =>
    ascending(list).map(({ data, ...rest }) => ({ ...rest, data: Uint8Array.from([...new Uint8Array(14), ...data]) })),
  );
  const lists = fc.sample(fc.array(packets, { minLength: 2, maxLength: 6 }), runs(10));
  for (const list of lists) {
    const files = list.map((packets) =>
      buildPcap(packets.map((packet) => ({ ...packet, original: packet.data.length }))),
    );
    const paths = files.map((file, index) => scratch(`part${index}.pcap`, file));
    const theirs = scratch('theirs.pcap');
    // mergecap gives the same time to its last file first.
    runClean('mergecap', ['-F', 'nsecpcap', '-w', theirs, ...paths.toReversed()]);
    const ours = scratch('ours.pcap', await fileOf(files.map((file) => ({ chunks: [file] }))));
    const shown = (path: string): Buffer => runTool('tcpdump', ['-n', '-r', path, '--nano', '-w', '-']).stdout;
    expect(shown(ours)).toEqual(shown(theirs));
  }
});

describe('a part', () => {
  const packets = [1n, 2n, 3n].map((time) => ({ time, original: 20, data: new Uint8Array(20) }));

  test('that is torn is refused: pcap_truncated', async () => {
    const torn = buildPcap(packets).subarray(0, -1);
    await expect(fileOf([{ chunks: [torn] }])).rejects.toThrow('ends in the middle of a record at byte 96');
  });

  test('of nothing at all is refused: pcap_truncated', async () => {
    await expect(fileOf([{ chunks: [] }])).rejects.toThrow('at byte 0');
  });

  test('whose packets are out of order is refused: pcap_unordered', async () => {
    await expect(fileOf([{ chunks: [buildPcap(packets.toReversed())] }])).rejects.toThrow('Packet 2 of source 0');
  });

  test('of two link types is refused: linktype_mixed', async () => {
    const two = Buffer.concat([pcapngPart(packets), pcapngPart(packets.slice(2), 101)]);
    await expect(fileOf([{ chunks: [two] }])).rejects.toThrow(
      'Packets of link type 101 cannot be put into a file of link type 1',
    );
    const appended = Buffer.concat([pcapngPart(packets), pcapngPart(packets.slice(2))]);
    expect(readPackets([await fileOf([{ chunks: [appended] }])]).packets).toHaveLength(4);
  });

  test('that describes no interface changes nothing', async () => {
    const empty = encodeSectionHeader(application);
    const file = await fileOf([{ chunks: [empty] }, { chunks: [buildPcap(packets, { linktype: 101 })] }]);
    expect(parsePcap(file)).toEqual({ linktype: 101, snaplen: 262_144, packets });
  });
});

test('no parts make an empty, valid file of either format', async () => {
  expect(parsePcap(await fileOf([]))).toEqual({ linktype: 1, snaplen: 262_144, packets: [] });
  const path = scratch('none.pcapng', await fileOf([], { format: 'pcapng' }));
  expect(runClean('capinfos', ['-Mc', path])).toMatch(/Number of packets: {3}0\n/);
});

test('in pcapng every interface keeps its link type, its name, its filter and its numbers', async () => {
  const raw = Uint8Array.from([0x45, ...new Uint8Array(27)]);
  const ethernet = Uint8Array.from([...new Uint8Array(12), 8, 0, ...raw]);
  const at = (time: bigint, data: Uint8Array): SamplePacket => ({ time, data, original: data.length });
  const merged = mergeFiles(
    [
      {
        chunks: [buildPcap([at(1n, ethernet), at(4n, ethernet)], { snaplen: 160 })],
        description: { name: 'eth0', description: 'a/eth0', filter: 'udp' },
        statistics: { taken_at: 9n, received: 7n, os_dropped: 5n },
      },
      { chunks: [buildPcap([at(2n, raw), at(3n, raw)], { linktype: 101 })], description: { name: 'wg0' } },
    ],
    { format: 'pcapng', application, comment: 'capture 1', byte_limit: 42 + 28 + 28 + 41, count_cut: true },
  );
  const chunks: Uint8Array[] = [];
  for await (const chunk of merged) chunks.push(chunk);
  expect(merged.ended_by).toBe('byte_limit');
  expect(merged.counts).toEqual([
    { delivered_packets: 1, delivered_bytes: 42, cut_packets: 1, cut_bytes: 42 },
    { delivered_packets: 2, delivered_bytes: 56, cut_packets: 0, cut_bytes: 0 },
  ]);
  const path = scratch('described.pcapng', Buffer.concat(chunks));
  const fields = ['frame.interface_name', 'frame.encap_type', 'frame.time_epoch'].flatMap((field) => ['-e', field]);
  expect(runClean('tshark', ['-n', '-r', path, '-T', 'fields', ...fields])).toBe(
    'eth0\t1\t0.000000001\nwg0\t7\t0.000000002\nwg0\t7\t0.000000003\n',
  );
  const blocks = runClean('tshark', ['-r', path, '-X', 'read_format:MIME Files Format', '-V']);
  expect(blocks).toContain('Filter = udp');
  expect(blocks).toContain('Snap Length: 262144');
  expect(blocks).toContain('Number of Received Packets = 7');
  expect(blocks).toContain('Number of Packets Dropped by OS = 5');
  expect(blocks).toContain('Number of Packets Delivered to the User = 1');
  expect(blocks).not.toContain('Option: Number of Dropped Packets');
  expect(runClean('capinfos', [path])).toContain('Number of packets = 2');
});

test('the end of an interface is never before its last packet in the file, whoever said it by another clock', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.array(fc.bigInt(1n, 40n), { maxLength: 20 }), fc.bigInt(0n, 50n)), {
        minLength: 1,
        maxLength: 4,
      }),
      fc.option(fc.nat(30), { nil: undefined }),
      async (cases, packet_limit) => {
        const parts = cases.map(([times, end]): FilePart => {
          const sorted = times.toSorted((one, other) => Number(one - other));
          const records = sorted.map((time) => ({ time, original: 1, data: Uint8Array.of(1) }));
          return { chunks: [buildPcap(records)], statistics: { taken_at: end, end_time: end } };
        });
        const file = await fileOf(parts, { format: 'pcapng', ...(packet_limit === undefined ? {} : { packet_limit }) });
        const blocks = pcapngBlocks(file);
        const stamp = (bytes: Buffer, at = 0): bigint =>
          (BigInt(bytes.readUInt32LE(at)) << 32n) | BigInt(bytes.readUInt32LE(at + 4));
        const last = cases.map(() => 0n);
        for (const { body } of blocks.filter(({ type }) => type === 6)) last[body.readUInt32LE()] = stamp(body, 4);
        const ends = blocks.filter(({ type }) => type === 5).map(({ options }) => options.get(3));
        const later = (one: bigint, other: bigint | undefined): bigint =>
          other === undefined || one > other ? one : other;
        expect(ends.map((value) => (value === undefined ? undefined : stamp(value)))).toEqual(
          cases.map(([, end], part) => later(end, last[part])),
        );
      },
    ),
    { numRuns: runs(60) },
  );
});

test('mixed link types in classic pcap are Ethernet, and limits count what was captured', async () => {
  const raw = { time: 1n, original: 30, data: Uint8Array.from([0x60, ...new Uint8Array(9)]) };
  const cooked = { time: 2n, original: 16, data: Uint8Array.from([...new Uint8Array(14), 8, 0]) };
  const make = (byte_limit: number): Promise<Buffer> =>
    fileOf(
      [
        { chunks: [buildPcap([raw], { linktype: 101, snaplen: 160 })] },
        { chunks: [buildPcap([cooked], { linktype: 113, snaplen: 160 })] },
      ],
      { byte_limit },
    );
  const { linktype, snaplen, packets } = parsePcap(await make(26));
  expect({ linktype, snaplen }).toEqual({ linktype: 1, snaplen: 174 });
  expect(packets.map(({ data, original }) => [data.length, original])).toEqual([
    [24, 44],
    [14, 14],
  ]);
  expect(parsePcap(await make(25)).packets).toHaveLength(1);
});

test('a sorted run of one file goes into a file of one interface', async () => {
  const packets = [3n, 1n, 2n].map((time) => ({ time, original: 2, data: Uint8Array.of(Number(time), 9) }));
  const source = packets.map((packet) => batchOfPackets([packet]));
  const writer = createPcapngWriter({ application, interfaces: [{ linktype: 1, snaplen: 0 }] });
  for await (const { batch } of sortRuns(source)) appendMerged(writer, batch, 0);
  const { packets: got, interfaces } = readPackets(writer.finish());
  expect(got).toEqual(ascending(packets));
  expect(interfaces).toEqual([0, 0, 0]);
});
