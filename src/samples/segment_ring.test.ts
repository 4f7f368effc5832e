import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createRecordMemory } from '../libpcap/record_filter.ts';
import { IndexShelf } from './index/index_shelf.ts';
import type { Fault } from '../model/errors/fault.ts';
import { type SampleClock, systemClock } from './clock.ts';
import { prepareLookback } from './lookback.ts';
import { openSampleStore } from './open_sample_store.ts';
import { scanSegments } from './scan_segments.ts';
import { SegmentRing } from './segment_ring.ts';
import { crowd_begin, packetsOf, type TestPacket } from './test_packets.ts';
import { takeAll } from './test_programs.ts';
import { removeSums } from './test_sums.ts';
import { TestWriter } from './test_writer.ts';

const hour = 3_600_000_000_000n;
let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'edgetap-ring-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function packet(number: number): TestPacket {
  return { time: crowd_begin + BigInt(number), original: 100, bytes: new Uint8Array(100).fill(number) };
}

/** Segments 1 to `count` of an interface, each with the packet of its number. */
async function written(name: string, count: number): Promise<TestWriter> {
  const writer = new TestWriter(root, { interface: name, linktype: 1 });
  for (let number = 1; number <= count; number++) {
    await writer.begin(crowd_begin);
    writer.write([packet(number)], crowd_begin + 100n);
    await writer.seal('age', crowd_begin + 100n);
  }
  return writer;
}

const segmentsOf = (name: string): string[] =>
  readdirSync(join(root, `${name}@1`)).filter((file) => file.endsWith('.pcap'));

describe('the ring', () => {
  test('evicts the segment that was sealed first, of whichever stream, all of its files', async () => {
    const [a, b] = [await written('a', 3), await written('b', 2)];
    writeFileSync(join(root, 'a@1', '0000000002.idx'), 'an index of the next version');
    const ring = new SegmentRing({ age_limit_ns: hour, byte_budget: 3 * 500 });
    const all = [
      ...a.stream.sealed.splice(0).map((segment) => ({ stream: a.stream, segment })),
      ...b.stream.sealed.splice(0).map((segment) => ({ stream: b.stream, segment })),
    ];
    const order = [3n, 1n, 5n, 2n, 4n];
    for (const [index, { stream, segment }] of all.entries()) {
      ring.add(stream, { ...segment, disk_bytes: 500, sealed_monotonic: order[index] ?? 0n });
    }
    expect({ count: ring.count, bytes: ring.bytes }).toEqual({ count: 5, bytes: 2500 });
    await ring.evict(0, 6n);
    expect(segmentsOf('a')).toEqual(['0000000001.pcap', '0000000003.pcap']);
    expect(segmentsOf('b')).toEqual(['0000000002.pcap']);
    expect(readdirSync(join(root, 'a@1')).filter((file) => file.startsWith('0000000002'))).toEqual([]);
    expect(a.stream.sealed.map(({ number }) => number)).toEqual([1, 3]);
    // Bytes that are being written count too.
    await ring.evict(501, 6n);
    expect({ count: ring.count, bytes: ring.bytes }).toEqual({ count: 1, bytes: 500 });
    expect(segmentsOf('a')).toEqual(['0000000003.pcap']);
    expect(await ring.makeRoom(1)).toBe(1);
    expect(await ring.makeRoom(1)).toBe(0);
  });

  test('a file that cannot be removed is told of, and keeps no other segment', async () => {
    const writer = await written('a', 3);
    mkdirSync(join(root, 'a@1', '0000000001.idx'));
    const ring = new SegmentRing({ age_limit_ns: hour, byte_budget: 0 });
    for (const segment of writer.stream.sealed.splice(0)) ring.add(writer.stream, segment);
    await expect(ring.evict(0, systemClock.monotonic())).rejects.toThrow('0000000001.idx');
    expect(segmentsOf('a')).toEqual([]);
    await ring.evict(0, systemClock.monotonic());
  });

  test('a look-back that has opened its files is not disturbed', async () => {
    const writer = await written('a', 3);
    const ring = new SegmentRing({ age_limit_ns: hour, byte_budget: 0 });
    for (const segment of writer.stream.sealed.splice(0)) ring.add(writer.stream, segment);
    const query = {
      programs: takeAll,
      formula: { kind: 'any' } as const,
      from: crowd_begin,
      to: crowd_begin + 100n,
      packet_limit: 10,
    };
    const prepared = prepareLookback(query, { streams: [writer.stream], samplers: [], growing: new Map(), now: 0n });
    await ring.evict(0, systemClock.monotonic());
    expect(segmentsOf('a')).toEqual([]);
    const result = scanSegments(prepared.job, {
      memory: createRecordMemory(1 << 20),
      indexes: new IndexShelf(),
      cancelled: () => false,
    });
    prepared.close();
    if (result === undefined) throw new Error('nobody cancelled');
    const { chunks, coverage } = prepared.answer(result);
    expect(chunks.flatMap(({ records }) => packetsOf(records))).toEqual([packet(1), packet(2), packet(3)]);
    expect(coverage).toMatchObject([{ gaps: [], packets: 3 }]);
  });

  test('a look-back tells where the clock stood when it was set, if that is in its window', async () => {
    const writer = new TestWriter(root, { interface: 'a', linktype: 1 });
    for (const [from, to, reason] of [
      [0n, 100n, 'clock_set'],
      [50n, 300n, 'age'],
      [300n, 400n, 'clock_set'],
    ] as const) {
      await writer.begin(crowd_begin + from);
      writer.write([packet(Number(from))], crowd_begin + to);
      await writer.seal(reason, crowd_begin + to);
    }
    const setIn = (from: bigint, to: bigint): readonly bigint[] | undefined => {
      const query = {
        programs: takeAll,
        formula: { kind: 'any' } as const,
        from: crowd_begin + from,
        to: crowd_begin + to,
        packet_limit: 10,
      };
      const prepared = prepareLookback(query, { streams: [writer.stream], samplers: [], growing: new Map(), now: 0n });
      const result = scanSegments(prepared.job, {
        memory: createRecordMemory(1 << 20),
        indexes: new IndexShelf(),
        cancelled: () => false,
      });
      prepared.close();
      if (result === undefined) throw new Error('nobody cancelled');
      return prepared.answer(result).coverage[0]?.clock_set.map((time) => time - crowd_begin);
    };
    expect(setIn(0n, 1000n)).toEqual([100n, 400n]);
    expect(setIn(99n, 300n)).toEqual([100n]);
    expect(setIn(100n, 300n)).toEqual([]);
    // The clock was set back: what it said before is still ahead.
    expect(setIn(20n, 60n)).toEqual([100n]);
  });

  test('a scan that nobody waits for stops', async () => {
    const writer = await written('a', 2);
    const query = {
      programs: takeAll,
      formula: { kind: 'any' } as const,
      from: crowd_begin,
      to: crowd_begin + 100n,
      packet_limit: 10,
    };
    const prepared = prepareLookback(query, { streams: [writer.stream], samplers: [], growing: new Map(), now: 0n });
    let asked = 0;
    const cancelled = (): boolean => ++asked > 1;
    expect(
      scanSegments(prepared.job, { memory: createRecordMemory(1 << 20), indexes: new IndexShelf(), cancelled }),
    ).toBeUndefined();
    prepared.close();
  });
});

describe('a store', () => {
  const faults: Fault[] = [];
  beforeEach(() => {
    faults.length = 0;
  });
  const report = (fault: Fault): void => void faults.push(fault);
  const window = {
    programs: takeAll,
    formula: { kind: 'any' } as const,
    from: crowd_begin,
    to: crowd_begin + 100n,
    packet_limit: 10,
  };

  test('keeps samples for 24 hours and 6 minutes of monotonic time, whatever the clock is set to', async () => {
    await written('a', 2);
    const passed = { monotonic: 0n, wall: 0n };
    const clock: SampleClock = {
      now: () => systemClock.now() + passed.wall,
      monotonic: () => systemClock.monotonic() + passed.monotonic,
      sleep: (ms) => systemClock.sleep(ms),
    };
    const store = await openSampleStore({ directory: root, byte_budget: 1e9, clock, report });
    passed.wall = 10_000n * hour;
    await store.evict();
    expect(store.status().segments).toBe(2);
    passed.monotonic = 24n * hour + (5n * hour) / 60n;
    await store.evict();
    expect(store.status().segments).toBe(2);
    passed.monotonic = 24n * hour + (6n * hour) / 60n;
    await store.evict();
    expect(store.status()).toMatchObject({ segments: 0, bytes: 0 });
    expect(segmentsOf('a')).toEqual([]);
    await store.close();
  });

  test('names what is not its own, once', async () => {
    await written('a', 1);
    writeFileSync(join(root, 'notes.txt'), 'mine');
    writeFileSync(join(root, 'a@1', 'more.txt'), 'mine');
    const store = await openSampleStore({ directory: root, byte_budget: 1e9, clock: systemClock, report });
    await store.evict();
    await store.close();
    expect(faults.map(({ name, message }) => [name, message])).toEqual([
      [
        'samples_foreign',
        expect.stringMatching(/^2 files .*: (a@1\/more\.txt, notes\.txt|notes\.txt, a@1\/more\.txt)$/),
      ],
    ]);
    expect(existsSync(join(root, 'notes.txt'))).toBe(true);
  });

  test.each([
    { sums: 'with a sum', left: [], from: crowd_begin },
    { sums: 'without sums', left: [packet(1), packet(2)], from: crowd_begin + 2n },
  ])(
    'of a damaged stretch $sums answers with what is surely whole, and says what it cannot',
    async ({ sums, left, from }) => {
      const writer = new TestWriter(root, { interface: 'a', linktype: 1 });
      await writer.begin(crowd_begin);
      writer.write([1, 2, 3, 4].map(packet), crowd_begin + 100n);
      await writer.seal('age', crowd_begin + 100n);
      const file = join(root, 'a@1', '0000000001.pcap');
      const { readFileSync } = await import('node:fs');
      const bytes = readFileSync(file);
      if (sums === 'without sums') removeSums(join(root, 'a@1', '0000000001.seg'));
      // The captured length of the third packet.
      bytes[24 + 2 * 116 + 9] = 0x7f;
      writeFileSync(file, bytes);
      const store = await openSampleStore({ directory: root, byte_budget: 1e9, clock: systemClock, report });
      const { chunks, coverage } = await store.query(window);
      expect(chunks.flatMap(({ records }) => packetsOf(records))).toEqual(left);
      const damaged = { from, to: crowd_begin + 4n, reason: 'damaged' };
      expect(coverage).toMatchObject([{ interface: 'a', gaps: [damaged] }]);
      await store.close();
    },
  );

  test('says that a look-back failed when its filter cannot be run, and answers the next', async () => {
    await written('a', 1);
    const store = await openSampleStore({ directory: root, byte_budget: 1e9, clock: systemClock, report });
    // Loads the kernel's random number: good for a live capture only.
    const live = Uint8Array.of(0x20, 0, 0, 0, 0x38, 0xf0, 0xff, 0xff, 6, 0, 0, 0, 1, 0, 0, 0);
    const programs = new Map([[1, { linktype: 1, instructions: live }]]);
    await expect(store.query({ ...window, programs })).rejects.toMatchObject({ faults: [{ name: 'lookback_failed' }] });
    expect((await store.query(window)).packets).toBe(1);
    await store.close();
  });
});
