import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { waitFor } from '../../test/support/wait_for.ts';
import { createRecordMemory } from '../libpcap/record_filter.ts';
import type { Fault } from '../model/errors/fault.ts';
import type { TimeNs } from '../model/time.ts';
import { systemClock } from './clock.ts';
import { IndexShelf } from './index/index_shelf.ts';
import type { FromIndexer } from './index_messages.ts';
import { IndexQueue } from './index_queue.ts';
import { prepareLookback } from './lookback.ts';
import { openSampleStore } from './open_sample_store.ts';
import type { SampleStore } from './sample_store.ts';
import { scanSegments } from './scan_segments.ts';
import { segment_header_bytes } from './segment_header.ts';
import { readSegmentMarks } from './segment_mark.ts';
import { packetsOf, recordsOf, type TestPacket } from './test_packets.ts';
import { takeAll } from './test_programs.ts';
import { TestWriter } from './test_writer.ts';
import type { Gap } from './window_coverage.ts';

// A segment of 8,000 packets in four stretches is damaged where no index tells: none of its packets comes out altered, and of each
// that does not come out it is said.

const count = 8000;
const batch = 500;
const record_bytes = 116;
const second_ns = 1_000_000_000n;
let begin = 0n;
let root = '';
let writer: TestWriter;
let store: SampleStore | undefined;
const faults: Fault[] = [];

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'edgetap-sums-'));
  begin = systemClock.now() - 60n * second_ns;
  faults.length = 0;
  writer = new TestWriter(root, { interface: 'eth0', linktype: 1 });
  await writer.begin(timeOf(0) - 1n);
  for (let first = 0; first < count; first += batch) writer.write(packets(first, batch), timeOf(first + batch) - 1n);
});
afterEach(async () => {
  await store?.close();
  store = undefined;
  await writer.abandon();
  rmSync(root, { recursive: true, force: true });
});

function timeOf(index: number): TimeNs {
  return begin + BigInt(index) * 1000n;
}

function packet(index: number): TestPacket {
  const bytes = new Uint8Array(record_bytes - 16).fill(0x55);
  new DataView(bytes.buffer).setUint32(20, index);
  return { time: timeOf(index), original: bytes.length, bytes };
}

function packets(first: number, many: number): TestPacket[] {
  return Array.from({ length: many }, (_, index) => packet(first + index));
}

const asked = (): { from: TimeNs; to: TimeNs } => ({ from: timeOf(0) - 1n, to: timeOf(count - 1) });
const recordAt = (index: number): number => 24 + index * record_bytes;

function packetFile(): string {
  const directory = join(root, 'eth0@1');
  return join(directory, readdirSync(directory).find((name) => name.endsWith('.pcap')) ?? 'none');
}

function change(edit: (bytes: Buffer) => void): void {
  const bytes = readFileSync(packetFile());
  edit(bytes);
  writeFileSync(packetFile(), bytes);
}

const flip =
  (at: number) =>
  (bytes: Buffer): void =>
    void (bytes[at] = (bytes[at] ?? 0) ^ 0x10);

interface Damage {
  readonly name: string;
  readonly damage: () => void;
  /** So many packets are left at least. */
  readonly left_least: number;
  readonly whole?: true;
}

const damages: readonly Damage[] = [
  { name: 'nothing', damage: () => undefined, left_least: count, whole: true },
  { name: 'a byte flipped in a packet', damage: () => change(flip(recordAt(1000) + 60)), left_least: 5500 },
  { name: 'a byte flipped in the first packet', damage: () => change(flip(recordAt(0) + 115)), left_least: 5500 },
  { name: 'a byte flipped in the time of a record', damage: () => change(flip(recordAt(4000) + 5)), left_least: 5500 },
  {
    name: 'a captured length one less',
    damage: () => change((bytes) => void bytes.writeUInt32LE(record_bytes - 17, recordAt(3000) + 8)),
    left_least: 5500,
  },
  {
    name: 'a zeroed page',
    damage: () => change((bytes) => void bytes.fill(0, 81 * 4096, 82 * 4096)),
    left_least: 5500,
  },
  {
    name: 'two stretches damaged',
    damage: () =>
      change((bytes) => {
        flip(recordAt(10) + 50)(bytes);
        bytes.fill(0, 100 * 4096, 101 * 4096);
      }),
    left_least: 3000,
  },
  {
    name: 'two records that changed places',
    damage: () =>
      change((bytes) => {
        const one = Buffer.from(bytes.subarray(recordAt(50), recordAt(51)));
        bytes.copy(bytes, recordAt(50), recordAt(51), recordAt(52));
        one.copy(bytes, recordAt(51));
      }),
    left_least: 5500,
  },
  { name: 'cut at a record', damage: () => truncateSync(packetFile(), recordAt(4100)), left_least: 4100 },
  { name: 'cut in half', damage: () => truncateSync(packetFile(), recordAt(count / 2) - 50), left_least: 3999 },
  {
    name: 'extended',
    damage: () => writeFileSync(packetFile(), Buffer.concat([readFileSync(packetFile()), Buffer.alloc(500, 0xff)])),
    left_least: count,
    whole: true,
  },
];

interface Answer {
  readonly packets: readonly TestPacket[];
  readonly gaps: readonly Gap[];
}

async function opened(): Promise<SampleStore> {
  const report = (fault: Fault): void => void faults.push(fault);
  store = await openSampleStore({ directory: root, byte_budget: 1e9, clock: systemClock, report });
  return store;
}

async function ask(of: SampleStore): Promise<Answer> {
  const answer = await of.query({ ...asked(), programs: takeAll, formula: { kind: 'any' }, packet_limit: 10_000 });
  return {
    packets: answer.chunks.flatMap(({ records }) => packetsOf(records)),
    gaps: answer.coverage.flatMap(({ gaps }) => gaps),
  };
}

/** As the sampler's own process answers while it writes on; `followed`: with the index that is being made meanwhile. */
function askLive(followed: boolean): Answer {
  const view = {
    streams: [writer.stream],
    samplers: [{ interface: writer.interface, state: writer.state, open: writer.open }],
    growing: followed ? writer.growing({ kind: 'any' }) : new Map<string, never>(),
    now: 0n,
  };
  const query = { ...asked(), programs: takeAll, formula: { kind: 'any' as const }, packet_limit: 10_000 };
  const prepared = prepareLookback(query, view);
  try {
    const memory = createRecordMemory(128 * 1024);
    const result = scanSegments(prepared.job, { memory, indexes: new IndexShelf(), cancelled: () => false });
    if (result === undefined) throw new Error('it was not cancelled');
    const { chunks, coverage } = prepared.answer(result);
    return {
      packets: chunks.flatMap(({ records }) => packetsOf(records)),
      gaps: coverage.flatMap(({ gaps }) => gaps),
    };
  } finally {
    prepared.close();
  }
}

function judge({ packets: got, gaps }: Answer, { left_least, whole }: Damage, left_most = count): void {
  const found = new Set<number>();
  let altered = 0;
  for (const one of got) {
    const index = new DataView(one.bytes.buffer, one.bytes.byteOffset).getUint32(20);
    if (Buffer.compare(recordsOf([one]), recordsOf([packet(index)])) === 0) found.add(index);
    else altered += 1;
  }
  expect({ altered, twice: got.length - altered - found.size }).toEqual({ altered: 0, twice: 0 });
  const missing = Array.from({ length: count }, (_, index) => index).filter((index) => !found.has(index));
  const untold = missing.filter((index) => !gaps.some(({ from, to }) => from < timeOf(index) && timeOf(index) <= to));
  expect(untold).toEqual([]);
  expect(found.size).toBeGreaterThanOrEqual(left_least);
  expect(found.size).toBeLessThanOrEqual(left_most);
  // Of a sampler that died the last moments are never sure.
  if (whole === true) expect(gaps.filter(({ reason }) => reason !== 'crash')).toEqual([]);
}

const told = (): string => faults.map(({ message }) => message).join('\n');

describe.each(damages)('$name', (row) => {
  test.each(['its index gone', 'its index not yet made'])('a sealed segment, %s', async (state) => {
    await writer.seal('size', timeOf(count) - 1n);
    if (state === 'its index gone') {
      writer.index(1);
      rmSync(join(root, 'eth0@1', '0000000001.idx'));
    }
    row.damage();
    const of = await opened();
    judge(await ask(of), row);
    await waitFor(() => of.status().unindexed === 0, { what: 'an index is made, or it is known that none can be' });
    judge(await ask(of), row);
    if (row.name !== 'nothing') expect(told()).toContain('eth0@1/0000000001.pcap');
    else expect(faults).toEqual([]);
  });

  test('a segment that is damaged before its seal, and indexed after it', async () => {
    row.damage();
    await writer.seal('size', timeOf(count) - 1n);
    const of = await opened();
    judge(await ask(of), row);
    await waitFor(() => of.status().unindexed === 0, { what: 'an index is made, or it is known that none can be' });
    judge(await ask(of), row);
  });

  test.each([true, false])('a segment that grows, followed by the indexer: %s', (followed) => {
    row.damage();
    judge(askLive(followed), row);
  });

  test('a segment that a crash left open', async () => {
    row.damage();
    await writer.abandon();
    const of = await opened();
    judge(await ask(of), row);
    await waitFor(() => of.status().unindexed === 0, { what: 'an index is made, or it is known that none can be' });
    judge(await ask(of), row);
  });
});

test('sums are those of the bytes in the file, at most half a mebibyte apart, and the last one is of the whole file', async () => {
  await writer.seal('size', timeOf(count) - 1n);
  const bytes = readFileSync(packetFile());
  const { sums = [] } = readSegmentMarks(readFileSync(join(root, 'eth0@1', '0000000001.seg')), segment_header_bytes);
  expect(sums.map(({ checksum }) => checksum)).toEqual(sums.map(({ offset }) => crc32(bytes.subarray(24, offset))));
  expect(sums.map(({ records }) => recordAt(records))).toEqual(sums.map(({ offset }) => offset));
  expect(sums.at(-1)).toMatchObject({
    offset: bytes.length,
    records: count,
    least: timeOf(0),
    greatest: timeOf(count - 1),
  });
  const ends = [24, ...sums.map(({ offset }) => offset)];
  for (const [index, { offset }] of sums.entries()) expect(offset - (ends[index] ?? 0)).toBeLessThan(512 * 1024);
});

test('what is damaged after it was indexed is left out block by block, and told', async () => {
  const sent: FromIndexer[] = [];
  const queue = new IndexQueue({ seed: () => 1, send: (message) => sent.push(message) });
  const { directory, linktype } = writer.stream;
  const segment = { key: 1, directory, number: 1, linktype };
  const slot = writer.open[0]?.slot ?? -1;
  queue.take({ kind: 'follow', segment, state: writer.state.buffer, slot });
  while (queue.work());
  await writer.seal('size', timeOf(count) - 1n);
  change(flip(recordAt(4000) + 50));
  queue.take({ kind: 'seal', segment, length: recordAt(count) });
  while (queue.work());
  expect(sent).toMatchObject([{ kind: 'indexed' }]);
  const of = await opened();
  judge(await ask(of), { name: 'indexed', damage: () => undefined, left_least: count - 37 });
  expect(told()).toContain('eth0@1/0000000001.pcap');
});

test('of a segment that is damaged no index is made, whoever asks for one', async () => {
  await writer.seal('size', timeOf(count) - 1n);
  change(flip(recordAt(7999) + 50));
  const sent: FromIndexer[] = [];
  const queue = new IndexQueue({ seed: () => 1, send: (message) => sent.push(message) });
  const { directory, linktype } = writer.stream;
  queue.take({ kind: 'seal', segment: { key: 1, directory, number: 1, linktype }, length: recordAt(count) });
  while (queue.work());
  expect(sent).toMatchObject([{ kind: 'failed', cause: 'packets', reason: expect.stringContaining('checksum') }]);
});
