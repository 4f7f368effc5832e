import { copyFileSync, mkdtempSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { programHere } from '../../test/filters/compile_here.ts';
import { waitFor } from '../../test/support/wait_for.ts';
import { indexFormula } from '../filter/index_formula.ts';
import type { Program } from '../libpcap/program.ts';
import type { Fault } from '../model/errors/fault.ts';
import { systemClock } from './clock.ts';
import type { LookbackQuery } from './lookback.ts';
import { openSampleStore } from './open_sample_store.ts';
import type { SampleStore } from './sample_store.ts';
import { packetsIn } from './test_lookback.ts';
import type { TestPacket } from './test_packets.ts';
import { removeSums } from './test_sums.ts';
import { TestWriter } from './test_writer.ts';

// What is left of three segments of 300 packets each when the second is damaged, and what is said of it. Each packet has 100 bytes, so
// blocks of 36 records: 8 whole ones and one of 12.

const each = 300;
const block_records = 36;
const record_bytes = 116;
const second_ns = 1_000_000_000n;
let begin = 0n;
let root = '';
let store: SampleStore | undefined;
const faults: Fault[] = [];

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'edgetap-damage-'));
  begin = systemClock.now() - 60n * second_ns;
  faults.length = 0;
  const writer = new TestWriter(root, { interface: 'eth0', linktype: 1 });
  for (let number = 1; number <= 3; number += 1) {
    const first = (number - 1) * each;
    await writer.begin(timeOf(first) - 1n);
    writer.write(
      Array.from({ length: each }, (_, index) => packet(first + index)),
      timeOf(first + each) - 1n,
    );
    await writer.seal('size', timeOf(first + each) - 1n);
    writer.index(number);
  }
});
afterEach(async () => {
  await store?.close();
  store = undefined;
  rmSync(root, { recursive: true, force: true });
});

function timeOf(index: number): bigint {
  return begin + BigInt(index) * 1000n;
}

/** UDP from 10.0.0.x to port 53; every third one from port 1000. */
function packet(index: number): TestPacket {
  const bytes = new Uint8Array(100);
  const view = new DataView(bytes.buffer);
  view.setUint16(12, 0x0800);
  bytes.set([0x45, 0, 0, 86, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, index % 200, 192, 0, 2, 1], 14);
  view.setUint16(34, index % 3 === 0 ? 1000 : 2000 + index);
  view.setUint16(36, 53);
  view.setUint32(42, index);
  return { time: timeOf(index), original: 100, bytes };
}

const indexOf = (one: TestPacket): number => new DataView(one.bytes.buffer, one.bytes.byteOffset).getUint32(42);

function path(name: string, number = 2): string {
  return join(root, 'eth0@1', `${String(number).padStart(10, '0')}.${name}`);
}

function change(file: string, edit: (bytes: Buffer) => void): void {
  const bytes = readFileSync(file);
  edit(bytes);
  writeFileSync(file, bytes);
}

const flip =
  (at: number, bit = 0x04) =>
  (bytes: Buffer): void => {
    const place = at < 0 ? bytes.length + at : at;
    bytes[place] = (bytes[place] ?? 0) ^ bit;
  };

/** Where a section of the index begins: 0 blocks, 1 posting lists. */
function sectionOf(bytes: Buffer, section: number): number {
  return Number(bytes.readBigUInt64LE(128 + 16 * section));
}

/** The place of a record in the packet file. */
const recordAt = (index: number): number => 24 + index * record_bytes;

interface Damage {
  readonly name: string;
  readonly damage: () => void;
  /** Packets of the second segment that are left, by their place in it. */
  readonly left: (index: number) => boolean;
  readonly told: readonly string[];
  /** Of the segment's time no more is known than that of its packets. */
  readonly times_only?: true;
}

const all = (): boolean => true;
const none = (): boolean => false;
const inBlock =
  (block: number) =>
  (index: number): boolean =>
    Math.floor(index / block_records) === block;

const table: readonly Damage[] = [
  { name: 'nothing', damage: () => undefined, left: all, told: [] },
  {
    name: 'a torn last record',
    damage: () => truncateSync(path('pcap'), recordAt(each) - 7),
    left: (index) => index < each - 1,
    told: ['segment_length'],
  },
  {
    name: 'bytes behind the last record',
    damage: () => writeFileSync(path('pcap'), Buffer.concat([readFileSync(path('pcap')), Buffer.alloc(50, 7)])),
    left: all,
    told: ['segment_length'],
  },
  {
    name: 'a flipped bit in a packet',
    damage: () => change(path('pcap'), flip(recordAt(100) + 90)),
    left: (index) => !inBlock(2)(index),
    told: ['segment_packets_damaged'],
  },
  {
    name: 'a flipped bit in the time of a record',
    damage: () => change(path('pcap'), flip(recordAt(0))),
    left: (index) => !inBlock(0)(index),
    told: ['segment_packets_damaged'],
  },
  {
    name: 'a huge captured length',
    damage: () => change(path('pcap'), (bytes) => bytes.writeUInt32LE(0x7fff_ffff, recordAt(150) + 8)),
    left: (index) => !inBlock(4)(index),
    told: ['segment_packets_damaged'],
  },
  {
    name: 'a huge captured length, and no index',
    damage: () => {
      change(path('pcap'), (bytes) => bytes.writeUInt32LE(0x7fff_ffff, recordAt(150) + 8));
      rmSync(path('idx'));
    },
    left: none,
    told: ['segment_index_damaged', 'segment_packets_damaged'],
  },
  {
    name: 'a huge captured length, no index, and no sums, as before there were any',
    damage: () => {
      change(path('pcap'), (bytes) => bytes.writeUInt32LE(0x7fff_ffff, recordAt(150) + 8));
      rmSync(path('idx'));
      removeSums(path('seg'));
    },
    left: (index) => index < 150,
    told: ['segment_index_damaged', 'segment_packets_damaged'],
  },
  {
    name: 'no index, and no sums, as before there were any',
    damage: () => {
      rmSync(path('idx'));
      removeSums(path('seg'));
    },
    left: all,
    told: ['segment_index_damaged'],
  },
  {
    name: 'a flipped bit in a packet, and no index',
    damage: () => {
      change(path('pcap'), flip(recordAt(100) + 90));
      rmSync(path('idx'));
    },
    left: none,
    told: ['segment_index_damaged', 'segment_packets_damaged'],
  },
  {
    name: 'a flipped bit in a packet, and another in the index',
    damage: () => {
      change(path('pcap'), flip(recordAt(100) + 90));
      change(path('idx'), flip(45));
    },
    left: none,
    told: ['segment_index_damaged', 'segment_packets_damaged'],
  },
  {
    name: 'damage in two blocks',
    damage: () =>
      change(path('pcap'), (bytes) => {
        flip(recordAt(40) + 60)(bytes);
        flip(recordAt(299) + 60)(bytes);
      }),
    left: (index) => !inBlock(1)(index) && !inBlock(8)(index),
    told: ['segment_packets_damaged'],
  },
  {
    name: 'a flipped bit in the packet file header',
    damage: () => change(path('pcap'), flip(16)),
    left: none,
    told: ['samples_foreign'],
  },
  {
    name: 'a packet file of no bytes',
    damage: () => truncateSync(path('pcap'), 0),
    left: none,
    told: ['samples_foreign'],
  },
  // As after an eviction that was cut short: the coverage says that nothing is known.
  { name: 'no packet file', damage: () => rmSync(path('pcap')), left: none, told: [] },
  {
    name: 'a flipped bit in the segment header',
    damage: () => change(path('seg'), flip(30)),
    left: all,
    told: ['segment_header_invalid'],
    times_only: true,
  },
  {
    name: 'no segment header',
    damage: () => rmSync(path('seg')),
    left: all,
    told: ['segment_header_invalid'],
    times_only: true,
  },
  {
    name: 'a segment header of a later version',
    damage: () =>
      change(path('seg'), (bytes) => {
        bytes.writeUInt16LE(2, 8);
        bytes.writeUInt32LE(crc32(bytes.subarray(0, 92)), 92);
      }),
    left: none,
    told: ['segment_newer', 'samples_foreign'],
  },
  { name: 'no index', damage: () => rmSync(path('idx')), left: all, told: ['segment_index_damaged'] },
  {
    name: 'an index of no bytes',
    damage: () => truncateSync(path('idx'), 0),
    left: all,
    told: ['segment_index_damaged'],
  },
  {
    name: 'a torn index',
    damage: () => truncateSync(path('idx'), readFileSync(path('idx')).length - 9),
    left: all,
    told: ['segment_index_damaged'],
  },
  {
    name: 'a flipped bit in the index header',
    damage: () => change(path('idx'), flip(45)),
    left: all,
    told: ['segment_index_damaged'],
  },
  {
    name: "a flipped bit in the index header's checksum",
    damage: () => change(path('idx'), flip(125)),
    left: all,
    told: ['segment_index_damaged'],
  },
  {
    name: 'a flipped bit in the directory',
    damage: () => change(path('idx'), flip(128 + 165)),
    left: all,
    told: ['segment_index_damaged'],
  },
  {
    name: 'a flipped bit in the blocks',
    damage: () => change(path('idx'), (bytes) => flip(sectionOf(bytes, 0) + 30)(bytes)),
    left: all,
    told: ['segment_index_damaged'],
  },
  {
    name: 'a flipped bit in a posting list',
    damage: () => change(path('idx'), (bytes) => flip(sectionOf(bytes, 1) + 3)(bytes)),
    left: all,
    told: ['segment_index_damaged'],
  },
  {
    name: 'a flipped bit in the keys of ports',
    damage: () => change(path('idx'), (bytes) => flip(sectionOf(bytes, 4) + 1)(bytes)),
    left: all,
    told: ['segment_index_damaged'],
  },
  {
    name: 'an index of a later version',
    damage: () =>
      change(path('idx'), (bytes) => {
        bytes.writeUInt16LE(2, 8);
        bytes.writeUInt32LE(crc32(bytes.subarray(0, 124)), 124);
      }),
    left: all,
    told: ['segment_newer'],
  },
  {
    name: "another segment's index",
    damage: () => copyFileSync(path('idx', 1), path('idx')),
    left: all,
    told: ['segment_index_damaged'],
  },
  {
    name: 'an index that is no index',
    damage: () => writeFileSync(path('idx'), Buffer.alloc(5000, 3)),
    left: all,
    told: ['segment_index_damaged'],
  },
  {
    name: 'an index that was being written',
    damage: () => renameSync(path('idx'), join(root, 'eth0@1', '.new-0000000002.idx')),
    left: all,
    told: ['segment_index_damaged'],
  },
  {
    name: 'a foreign file',
    damage: () => writeFileSync(join(root, 'eth0@1', 'notes.txt'), 'mine'),
    left: all,
    told: ['samples_foreign'],
  },
];

function asking(text: string): LookbackQuery {
  const texts = { expression_text: text, any_tags_text: text, own_tags_text: '' };
  const program = programHere(texts);
  if (program === undefined) throw new Error(`${text} matches nothing`);
  const programs = new Map<number, Program>([[1, program]]);
  const window = { from: timeOf(0) - 1n, to: timeOf(3 * each) - 1n, packet_limit: 10_000 };
  return { ...window, programs, formula: indexFormula(texts) };
}

async function opened(): Promise<SampleStore> {
  store = await openSampleStore({
    directory: root,
    byte_budget: 1e9,
    clock: systemClock,
    report: (fault) => faults.push(fault),
  });
  return store;
}

test.each(table)('$name', async ({ damage, left, told, times_only = false }) => {
  damage();
  const places = Array.from({ length: 3 * each }, (_, index) => index);
  const expected = places.filter((index) => index < each || index >= 2 * each || left(index - each));
  const check = async (): Promise<void> => {
    const ask = async (text: string): Promise<number[]> =>
      packetsIn(await opened_store.query(asking(text))).map(indexOf);
    expect(await ask('')).toEqual(expected);
    expect(await ask('port 1000 and net 10.0.0.0/25')).toEqual(
      expected.filter((index) => index % 3 === 0 && index % 200 < 128),
    );
  };
  const opened_store = await opened();
  await check();
  await waitFor(() => opened_store.status().unindexed === 0, { what: 'every index that can be made is made' });
  await check();
  expect(faults.map(({ name }) => name)).toEqual(told);
  const damaged = (await opened_store.query(asking(''))).coverage.flatMap(({ gaps }) => gaps);
  expect(damaged.length > 0).toBe(times_only || expected.length < 3 * each);
});

test('an index that was made again is good at the next start', async () => {
  rmSync(path('idx', 1));
  change(path('idx'), flip(45));
  const first = await opened();
  await first.query(asking('port 1000'));
  await waitFor(() => first.status().unindexed === 0, { what: 'both are made again' });
  await first.close();
  expect(faults.map(({ name }) => name)).toEqual(['segment_index_damaged', 'segment_index_damaged']);
  faults.length = 0;
  const second = await opened();
  expect((await second.query(asking('port 1000'))).packets).toBe(each);
  expect(faults).toEqual([]);
});

test('what was read before a damage in the index was met is not read again', async () => {
  // 334 blocks on two pages of 170. What matches on the second page is what the first read takes; the rest is on the first page.
  const [count, matching] = [12_000, new Set([100, 101, ...Array.from({ length: 16 }, (_, index) => 300 + index)])];
  const isMatch = (index: number): boolean => matching.has(Math.floor(index / block_records));
  const writer = new TestWriter(root, { interface: 'eth1', linktype: 1 });
  await writer.begin(timeOf(0) - 1n);
  writer.write(
    Array.from({ length: count }, (_, index) => {
      const one = packet(index);
      new DataView(one.bytes.buffer).setUint16(34, isMatch(index) ? 7777 : 2000 + (index % 1000));
      return one;
    }),
    timeOf(count) - 1n,
  );
  await writer.seal('size', timeOf(count) - 1n);
  writer.index(1);
  const index_file = join(root, 'eth1@1', '0000000001.idx');
  change(index_file, (bytes) => flip(sectionOf(bytes, 0) + 50)(bytes));
  const opened_store = await opened();
  const query = { ...asking('src port 7777'), to: timeOf(count) };
  const expected = Array.from({ length: count }, (_, index) => index).filter(isMatch);
  expect(packetsIn(await opened_store.query(query)).map(indexOf)).toEqual(expected);
  expect(faults.map(({ name }) => name)).toEqual(['segment_index_damaged']);
});
