import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { ascending, type SamplePacket, samplePackets } from '../../test/support/packet_samples.ts';
import { runs } from '../../test/support/packet_tools.ts';
import { batchOfPackets, packetsOf } from '../../test/support/read_packets.ts';
import { type Merge, type MergeOptions, mergeRecords, type RecordSource } from './merge_records.ts';
import type { MergedBatch } from './merged_batch.ts';
import { newestOf } from './newest_of.ts';
import type { RecordBatch, WritableBatch } from './record_batch.ts';
import { sortRuns } from './sort_runs.ts';

/** The packets of a merged batch with the source of each, copied. */
function mergedPackets(merged: MergedBatch): (SamplePacket & { source: number })[] {
  const packets = merged.batches.map((batch) => (batch === undefined ? [] : packetsOf(batch)));
  return Array.from({ length: merged.count }, (_, index) => {
    const source = merged.sources[index] ?? -1;
    const packet = packets[source]?.[merged.records[index] ?? -1];
    if (packet === undefined) throw new Error(`packet ${index} is not there`);
    return { ...packet, source };
  });
}

const withoutSource = ({ time, original, data }: SamplePacket): SamplePacket => ({ time, original, data });

/** A source that gives batches of so many packets and spoils each once the next is asked for, as readers do. */
async function* fleeting(
  packets: readonly SamplePacket[],
  size: number,
  log: string[] = [],
): AsyncGenerator<RecordBatch> {
  try {
    for (let at = 0; at < packets.length; at += size) {
      const batch = batchOfPackets(packets.slice(at, at + size)) as WritableBatch;
      await Promise.resolve();
      yield batch;
      batch.bytes.fill(0xee);
      batch.seconds.fill(-1);
      batch.captured.fill(0);
      batch.count = 0;
    }
    log.push('read');
  } finally {
    log.push('closed');
  }
}

async function collect(merge: Merge): Promise<(SamplePacket & { source: number })[]> {
  const packets = [];
  for await (const merged of merge) packets.push(...mergedPackets(merged));
  return packets;
}

const sourceLists = fc.array(samplePackets(15).map(ascending), { maxLength: 6 });
/** Everything in one list, source after source, and sorted stably: the order by definition. */
const allOf = (sources: readonly (readonly SamplePacket[])[]): (SamplePacket & { source: number })[] =>
  ascending(sources.flatMap((packets, source) => packets.map((packet) => ({ ...packet, source })))) as never;

describe('merging', () => {
  const options = fc.record(
    {
      packet_limit: fc.nat(40),
      byte_limit: fc.nat(400),
      count_cut: fc.boolean(),
      batch_records: fc.integer({ min: 1, max: 9 }),
    },
    { requiredKeys: [] },
  );

  test('is a stable sort by (time, source, record), cut at the limits, with true counts', async () => {
    await fc.assert(
      fc.asyncProperty(
        sourceLists,
        options,
        fc.integer({ min: 1, max: 6 }),
        async (lists, limits: MergeOptions, size) => {
          const merge = mergeRecords(
            lists.map((packets) => fleeting(packets, size)),
            limits,
          );
          const all = allOf(lists);
          const { packet_limit = Infinity, byte_limit = Infinity } = limits;
          let [count, bytes] = [0, 0];
          for (const { data } of all) {
            if (count === packet_limit || bytes + data.length > byte_limit) break;
            count++;
            bytes += data.length;
          }
          expect(await collect(merge)).toEqual(all.slice(0, count));
          const tally = (packets: readonly { data: Uint8Array; source: number }[], source: number) => {
            const own = packets.filter((packet) => packet.source === source);
            return [own.length, own.reduce((sum, { data }) => sum + data.length, 0)];
          };
          const ended = count === all.length ? undefined : count === packet_limit ? 'packet_limit' : 'byte_limit';
          expect(merge.ended_by).toBe(ended);
          for (const [source, counts] of merge.counts.entries()) {
            expect([counts.delivered_packets, counts.delivered_bytes]).toEqual(tally(all.slice(0, count), source));
            const counted = ended === undefined || limits.count_cut === true;
            const cut = counted ? tally(all.slice(count), source) : [undefined, undefined];
            expect([counts.cut_packets, counts.cut_bytes]).toEqual(cut);
          }
        },
      ),
      { numRuns: runs(500) },
    );
  });

  test('a past is in its place in time, without its oldest, and the limits neither count nor cut it', async () => {
    const pasts = fc.record({ past_sources: fc.nat(6), past_skip: fc.nat(30) });
    await fc.assert(
      fc.asyncProperty(sourceLists, options, pasts, async (lists, limits: MergeOptions, past) => {
        const sources = lists.map((packets) => fleeting(packets, 2));
        const merge = mergeRecords(sources, { ...limits, ...past });
        const { packet_limit = Infinity, byte_limit = Infinity } = limits;
        let [skip, count, bytes, over] = [past.past_skip, 0, 0, false];
        const expected = allOf(lists).filter(({ source, data }) => {
          if (source < past.past_sources) return --skip < 0;
          over ||= count === packet_limit || bytes + data.length > byte_limit;
          count += 1;
          bytes += data.length;
          return !over;
        });
        expect(await collect(merge)).toEqual(expected);
        expect(merge.ended_by !== undefined).toBe(over);
        const delivered = lists.map((_, index) => expected.filter(({ source }) => source === index).length);
        expect(merge.counts.map((one) => one.delivered_packets)).toEqual(delivered);
      }),
      { numRuns: runs(500) },
    );
  });

  test('takes arrays as sources, and empty batches in them', async () => {
    const one = batchOfPackets([{ time: 5n, original: 1, data: Uint8Array.of(5) }]);
    const empty = batchOfPackets([]);
    const packets = await collect(mergeRecords([[empty, one, empty], [empty], []]));
    expect(packets.map(({ time, source }) => [time, source])).toEqual([[5n, 0]]);
  });

  test.each([
    ['within a batch', 10, 2],
    ['from one batch to the next', 1, 2],
  ])('a source that goes back in time %s is refused: pcap_unordered', async (_, size, at) => {
    const times = [3n, 5n, 4n];
    const packets = times.map((time) => ({ time, original: 0, data: new Uint8Array(0) }));
    const log: string[] = [];
    const merge = mergeRecords([
      fleeting([], 1, log),
      fleeting(packets, size, log),
      fleeting(packets.slice(0, 1), 1, log),
    ]);
    await expect(collect(merge)).rejects.toThrow(`Packet ${at + 1} of source 1 is older than the one before it`);
    expect(log.filter((word) => word === 'closed')).toHaveLength(3);
  });

  test('every source is closed when a limit, the consumer or a failing source ends the merge', async () => {
    const packets = Array.from({ length: 9 }, (_, time) => ({
      time: BigInt(time),
      original: 1,
      data: new Uint8Array(1),
    }));
    const log: string[] = [];
    const sources = (): RecordSource[] => [fleeting(packets, 2, log), fleeting(packets, 3, log)];
    await collect(mergeRecords(sources(), { packet_limit: 4 }));
    expect(log.splice(0)).toEqual(['closed', 'closed']);
    for await (const _ of mergeRecords(sources())) break;
    expect(log.splice(0)).toEqual(['closed', 'closed']);
    async function* failing(): AsyncGenerator<RecordBatch> {
      yield batchOfPackets(packets.slice(0, 3));
      throw new Error('disk on fire');
    }
    await expect(collect(mergeRecords([...sources(), failing()]))).rejects.toThrow('disk on fire');
    expect(log.splice(0)).toEqual(['closed', 'closed']);
  });

  test('no sources are no packets', async () => {
    expect(await collect(mergeRecords([]))).toEqual([]);
  });
});

describe('the newest of several answers', () => {
  test('are the last of all in order, ascending', () => {
    fc.assert(
      fc.property(sourceLists, fc.nat(60), (lists, limit) => {
        const merged = newestOf(lists.map(batchOfPackets), limit);
        const all = allOf(lists);
        expect(mergedPackets(merged)).toEqual(all.slice(Math.max(0, all.length - limit)));
      }),
      { numRuns: runs(500) },
    );
  });

  test('an answer that goes back in time is refused: pcap_unordered', () => {
    const packets = [2n, 1n].map((time) => ({ time, original: 0, data: new Uint8Array(0) }));
    expect(() => newestOf([batchOfPackets([]), batchOfPackets(packets)], 1)).toThrow('Packet 2 of source 1');
  });
});

describe('sorting into runs', () => {
  const sortedRuns = async (
    packets: readonly SamplePacket[],
    size: number,
    memory_bytes: number,
    batch_records = 4,
  ) => {
    const found: SamplePacket[][] = [];
    for await (const { run, batch } of sortRuns(fleeting(packets, size), { memory_bytes, batch_records })) {
      if (run !== found.length - 1) found.push([]);
      expect(run).toBe(found.length - 1);
      found.at(-1)?.push(...mergedPackets(batch).map(withoutSource));
    }
    return found;
  };
  const numbered = (times: readonly number[]): SamplePacket[] =>
    times.map((time, index) => ({ time: BigInt(time), original: index, data: new Uint8Array(8) }));

  test('every run is in order, and merging the runs is a stable sort of the whole', async () => {
    const places = fc.record({ size: fc.integer({ min: 1, max: 6 }), memory: fc.nat(1200) });
    await fc.assert(
      fc.asyncProperty(samplePackets(60), places, async (packets, { size, memory }) => {
        const found = await sortedRuns(packets, size, memory);
        for (const run of found) expect(run).toEqual(ascending(run));
        const merged = await collect(mergeRecords(found.map((run) => fleeting(run, 3))));
        expect(merged.map(withoutSource)).toEqual(ascending(packets));
      }),
      { numRuns: runs(300) },
    );
  });

  test('packets out of place by less than the memory give one run', async () => {
    const times = Array.from({ length: 2000 }, (_, index) => index + ((index * 7919) % 50));
    const found = await sortedRuns(numbered(times), 16, 60 * 40);
    expect(found.map((run) => run.length)).toEqual([2000]);
  });

  test('a clock that was set back gives two runs', async () => {
    const times = Array.from({ length: 2000 }, (_, index) => (index < 1200 ? index : index - 900));
    const found = await sortedRuns(numbered(times), 16, 40 * 40);
    expect(found).toHaveLength(2);
  });

  test('what is in order already comes through as it is', async () => {
    const packets = numbered(Array.from({ length: 500 }, (_, index) => index >> 2));
    expect(await sortedRuns(packets, 7, 1000)).toEqual([packets]);
  });

  test('the worst order gives runs of at least half the memory', async () => {
    const packets = numbered(Array.from({ length: 3000 }, (_, index) => 3000 - index));
    const found = await sortedRuns(packets, 10, 100 * 40);
    expect(found.flat()).toHaveLength(3000);
    expect(found.length).toBeLessThanOrEqual(3000 / 50);
  });

  test('nothing gives no run', async () => {
    expect(await sortedRuns([], 1, 0)).toEqual([]);
  });
});
