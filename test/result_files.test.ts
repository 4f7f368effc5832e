import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Spool } from '../src/capture/spool.ts';
import { lookbackFile } from '../src/control/lookback/lookback_file.ts';
import type { FileFormat } from '../src/model/capture.ts';
import { createCaptureWriter } from '../src/pcap/create_capture_writer.ts';
import { linkTypes } from '../src/pcap/link_type.ts';
import { type FilePart, mergeFiles } from '../src/pcap/merge_files.ts';
import type { InterfaceDescription, InterfaceStatistics } from '../src/pcap/pcapng_encode.ts';
import { TestWriter } from '../src/samples/test_writer.ts';
import { writeEmptyPart } from '../src/sensor/empty_part.ts';
import { newPartFile } from '../src/sensor/new_part_file.ts';
import { writeSorted } from '../src/sensor/sort_part.ts';
import { numberedFrame } from '../src/samples/test_frames.ts';
import { buildPcap, type SamplePacket } from './support/packet_samples.ts';
import { opensEverywhere } from './support/opens_everywhere.ts';
import { scratchFolder } from './support/packet_tools.ts';
import { pcapngBlocks } from './support/pcapng_blocks.ts';
import { batchOfPackets } from './support/read_packets.ts';

const scratch = scratchFolder();
const application = 'edgetap 1.2.3';
const piece_bytes = 1 << 16;
const formats: readonly FileFormat[] = ['pcap', 'pcapng'];
const ip = numberedFrame(7, 242).subarray(14);

/** What stands before an IP packet of each link type that edgetap knows. */
const heads: Readonly<Record<number, readonly number[]>> = {
  [linkTypes.null]: [2, 0, 0, 0],
  [linkTypes.ethernet]: [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0],
  [linkTypes.ppp]: [0xff, 3, 0, 0x21],
  [linkTypes.raw_12]: [],
  [linkTypes.raw]: [],
  [linkTypes.loop]: [0, 0, 0, 2],
  [linkTypes.linux_sll]: [0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0],
  [linkTypes.ipv4]: [],
  [linkTypes.ipv6]: [0x60, 0, 0, 0, 0, 0, 59, 64, ...Array.from({ length: 32 }, () => 1)],
  [linkTypes.linux_sll2]: [8, 0, 0, 0, 0, 0, 0, 3, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
};

/** One interface of a file, and its packets. */
interface Shape {
  readonly linktype: number;
  /** The most that is captured of a packet; 0 for no limit. */
  readonly snaplen: number;
  readonly packets: number;
}

const ethernet: Shape = { linktype: linkTypes.ethernet, snaplen: 262_144, packets: 3 };
const samples: Shape = { ...ethernet, snaplen: 160 };
const none = { packets: 0 };
/** OpenBSD's number of raw IP is not one of libpcap's here: no interface of ours has it. */
const known = Object.values(linkTypes).filter((linktype) => linktype !== linkTypes.raw_14);

/** Files by what they are of. */
const shapes: readonly (readonly [string, readonly Shape[]])[] = [
  ['nothing', []],
  ['one interface', [ethernet]],
  ['one interface, no packets', [{ ...ethernet, ...none }]],
  ['samples', [samples]],
  ['samples, no packets', [{ ...samples, ...none }]],
  ['past and future', [samples, ethernet]],
  ['future and no past', [{ ...samples, ...none }, ethernet]],
  ['past and no future', [samples, { ...ethernet, ...none }]],
  ['neither past nor future', [samples, ethernet].map((one) => ({ ...one, ...none }))],
  ['one without a limit among others', [samples, { ...ethernet, snaplen: 0 }, { ...ethernet, snaplen: 96 }]],
  ['none with a limit', [0, 0].map((snaplen) => ({ ...ethernet, snaplen }))],
  ['several of past and future', [samples, samples, samples, ethernet, ethernet, ethernet]],
  [
    'forty interfaces',
    Array.from({ length: 40 }, (_, index) => ({ ...(index % 2 ? ethernet : samples), packets: index % 3 })),
  ],
  ['the largest packets', [{ ...ethernet, packets: 2 }]],
  [
    'mixed link types',
    [ethernet, { ...ethernet, linktype: linkTypes.raw }, { ...samples, linktype: linkTypes.linux_sll }],
  ],
  [
    'mixed link types, no packets',
    [ethernet, { ...ethernet, linktype: linkTypes.raw }].map((one) => ({ ...one, ...none })),
  ],
  [
    'link types that two systems number each in its way',
    [linkTypes.raw, linkTypes.ipv4].map((linktype) => ({ ...samples, linktype })),
  ],
];

/** The same of each link type. */
const plain: typeof shapes = [
  ['nothing', []],
  ...known.map((linktype): [string, Shape[]] => [
    `link type ${linktype}`,
    [samples, ethernet].map((one) => ({ ...one, linktype })),
  ]),
  ['no packets of a link type', [{ linktype: linkTypes.raw, snaplen: 0, packets: 0 }]],
];

/** Those that look-backs have. */
const sampled = shapes.filter(([, shape]) => shape.every(({ snaplen }) => snaplen === 160));

/** Packets of an interface, each a microsecond after the one before, of the interfaces in turn. */
function packetsOf({ linktype, snaplen, packets }: Shape, index: number, largest: boolean): SamplePacket[] {
  return Array.from({ length: packets }, (_, number) => {
    const whole = Uint8Array.of(...(heads[linktype] ?? []), ...ip);
    const data = largest ? new Uint8Array(262_144) : whole;
    data.set(whole);
    const kept = snaplen === 0 ? data : data.subarray(0, snaplen);
    return {
      time: 1_700_000_000_000_000_000n + BigInt(number * 64 + index) * 1000n,
      original: data.length,
      data: kept,
    };
  });
}

const text = (index: number): Omit<InterfaceDescription, 'linktype' | 'snaplen'> => ({
  name: `eth${index}`,
  description: 's1 in lab01 ⇧',
  filter: `${'host 192.0.2.1 or '.repeat(index === 0 ? 3640 : 1)}tcp`,
  comment: 'samples, 1 in 4 kept, first 160 bytes',
});
const statistics: InterfaceStatistics = {
  taken_at: 1_700_000_000_000_000_000n,
  start_time: 1n,
  end_time: 2n,
  received: 2n ** 63n,
  interface_dropped: 0n,
  accepted: 3n,
  os_dropped: 0n,
  delivered: 3n,
};

/** Everything that makes a file of several interfaces. */
type Make = (shape: readonly Shape[], format: FileFormat, largest: boolean) => Promise<Uint8Array>;

const byWriter: Make = async (shape, format) => {
  const interfaces = shape.map(({ linktype, snaplen }, index) => ({ linktype, snaplen, ...text(index) }));
  const writer = createCaptureWriter({ format, application, comment: 'all of it', interfaces });
  for (const [index, one] of shape.entries()) {
    const batch = batchOfPackets(packetsOf(one, index, false));
    for (let record = 0; record < batch.count; record += 1) writer.append(batch, record, index);
  }
  return await Promise.resolve(Buffer.concat([...writer.ready(), ...writer.finish(shape.map(() => statistics))]));
};

const byMerge: Make = async (shape, format, largest) => {
  const parts = shape.map(
    (one, index): FilePart => ({
      chunks: [buildPcap(packetsOf(one, index, largest), one)],
      description: text(index),
      statistics,
    }),
  );
  const chunks: Uint8Array[] = [];
  for await (const chunk of mergeFiles(parts, { format, application })) chunks.push(chunk);
  return Buffer.concat(chunks);
};

const byLookback: Make = async (shape, format) => {
  const streams = shape.map((one, index) => ({
    interface: `eth${index}`,
    linktype: one.linktype,
    sample_rate: 1,
    // With memory of its own, because it is given away.
    records: [Uint8Array.from(buildPcap(packetsOf({ ...one, snaplen: 160 }, index, false)).subarray(24))],
    sensor: 's1',
    description: text(index),
    statistics,
    rates: [],
  }));
  const options = { packet_limit: 10_000, format, snaplen_bytes: 160, application, comment: 'samples' };
  return await Promise.resolve(Buffer.concat(lookbackFile(streams, options).chunks));
};

describe.each([
  ['the writer', byWriter, plain],
  ['a merge of parts', byMerge, shapes.filter(([, shape]) => shape.length > 0)],
  ['a look-back', byLookback, sampled],
])('what %s gives opens in the programs of the field', (_what, make, wanted) => {
  const all = formats.flatMap((format) => wanted.map(([name, shape]) => [format, name, shape] as const));
  test.each(all)('%s: %s', async (format, name, shape) => {
    const file = await make(shape, format, name === 'the largest packets');
    const path = scratch(`shape.${format}`, file);
    const types = new Set(shape.map(({ linktype }) => linktype));
    const packets = shape.reduce((sum, one) => sum + one.packets, 0);
    opensEverywhere(scratch, path, packets, format === 'pcapng' && types.size > 1);
    if (format === 'pcap') return;
    const described = pcapngBlocks(Buffer.from(file)).filter(({ type }) => type === 1);
    expect(described).toHaveLength(Math.max(1, shape.length));
  });
});

async function* inPieces(file: Uint8Array): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(file);
}

test('parts as sensors have them, and samples as they lie there, open in the programs of the field', async () => {
  const directory = scratch('spool');
  mkdirSync(directory);
  const { spool } = await Spool.open(directory, 1 << 20);
  await writeEmptyPart(spool, 'a'.repeat(32), 'eth0', undefined);
  const empty = readdirSync(directory, { recursive: true, encoding: 'utf8' }).find((name) => name.endsWith('.pcap'));
  opensEverywhere(scratch, join(directory, empty ?? 'none'), 0);
  const packets = packetsOf(ethernet, 0, false);
  for (const of of [packets, packets.toReversed(), []]) {
    const sorted = scratch('sorted.pcap');
    const path = scratch('unsorted.pcap');
    const unsorted = await newPartFile(path, piece_bytes, inPieces(buildPcap(of)));
    await writeSorted({ ...unsorted, path, piece_bytes }, sorted);
    opensEverywhere(scratch, sorted, of.length);
  }
  const store = scratch('samples');
  const writer = new TestWriter(store, { interface: 'eth0', linktype: 1 });
  await writer.begin(1_699_999_999_000_000_000n);
  const sampled_records = Uint8Array.from(buildPcap(packetsOf(samples, 0, false)).subarray(24));
  writer.writeRecords(sampled_records, 1_700_000_001_000_000_000n);
  await writer.seal('size', 1_700_000_001_000_000_000n);
  const segments = readdirSync(store, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.pcap'));
  expect(segments).toHaveLength(1);
  opensEverywhere(scratch, join(store, segments[0] ?? 'none'), packets.length);
});
