import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runBpf } from '../../test/support/bpf_machine.ts';
import { compileFilter } from '../libpcap/compile_filter.ts';
import { indexFormula } from '../filter/index_formula.ts';
import { createRecordMemory } from '../libpcap/record_filter.ts';
import { IndexShelf } from './index/index_shelf.ts';
import type { Program } from '../libpcap/program.ts';
import type { TimeNs } from '../model/time.ts';
import { prepareLookback } from './lookback.ts';
import { scanSegments } from './scan_segments.ts';
import { answeredWeights, countStreams } from './count_streams.ts';
import { crowd_begin, packetsOf, runs, type TestPacket } from './test_packets.ts';
import { TestWriter } from './test_writer.ts';

let root = '';
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'edgetap-scan-'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const texts = [
  '',
  'udp port 53',
  'tcp',
  'host 10.0.0.2 or udp',
  'src net 10.0.0.0/31 and not tcp',
  'len > 100',
  'ip[8] < 7',
];

function programsOf(text: string): ReadonlyMap<number, Program> {
  return new Map(
    [1, 101].map((linktype) => {
      const filter = { expression_text: text, any_tags_text: text, own_tags_text: '' };
      const compiled = compileFilter(filter, { linktype, live: false });
      if (compiled.kind !== 'program') throw new Error(`${text} does not compile for link type ${linktype}`);
      return [linktype, compiled.program];
    }),
  );
}

const programs = texts.map(programsOf);
const memory = createRecordMemory(128 * 1024);
const indexes = new IndexShelf();

/** IPv4 with ports, with the header of its link type in front. */
const packetBytes = fc
  .record({
    protocol: fc.constantFrom(6, 17),
    from: fc.integer({ min: 1, max: 3 }),
    to: fc.integer({ min: 1, max: 3 }),
    port: fc.constantFrom(53, 80),
    ttl: fc.integer({ min: 5, max: 8 }),
    more: fc.nat(130),
  })
  .map(({ protocol, from, to, port, ttl, more }) => {
    const ip = new Uint8Array(28 + more);
    ip.set([0x45, 0, 0, ip.length, 0, 1, 0, 0, ttl, protocol, 0, 0, 10, 0, 0, from, 10, 0, 0, to, 0x30, 0x39, 0, port]);
    return ip;
  });

function framed(ip: Uint8Array, linktype: number): Uint8Array {
  return linktype === 1 ? new Uint8Array([...new Uint8Array(12), 8, 0, ...ip]) : ip;
}

interface PlannedStream {
  readonly interface: string;
  readonly linktype: number;
  /** Batches of each segment; the last segment is left open. */
  readonly segments: readonly (readonly (readonly TestPacket[])[])[];
  /** Does the segment of that place get an index? Of the open one: is it followed? */
  readonly indexed: readonly boolean[];
  /** Each batch is written so often: for segments of more than one block. */
  readonly repeats: number;
}

const stream = fc
  .record({
    interface: fc.constantFrom('a', 'b', 'b.1', 'é'),
    linktype: fc.constantFrom(1, 101),
    indexed: fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }),
    repeats: fc.constantFrom(1, 1, 1, 1, 1, 1, 1, 1, 1, 12),
    segments: fc.array(
      fc.record({
        // Segments may overlap in time: an interface is never in perfect order, and clocks are set.
        begin: fc.integer({ min: 0, max: 60 }),
        batches: fc.array(
          fc.array(fc.record({ offset: fc.integer({ min: 0, max: 25 }), ip: packetBytes, cut: fc.nat(60) }), {
            maxLength: 12,
          }),
          { maxLength: 3 },
        ),
      }),
      { minLength: 1, maxLength: 4 },
    ),
  })
  .map(
    ({ interface: name, linktype, segments, indexed, repeats }): PlannedStream => ({
      interface: name,
      linktype,
      indexed,
      repeats,
      segments: segments.map(({ begin, batches }) =>
        batches
          .flatMap((batch) => Array.from({ length: repeats }, () => batch))
          .map((batch) =>
            batch.map(({ offset, ip, cut }) => {
              const whole = framed(ip, linktype);
              return {
                time: crowd_begin + BigInt(begin + offset - 40),
                original: whole.length + cut,
                bytes: whole.slice(0, 160),
              };
            }),
          ),
      ),
    }),
  );

const query = fc.record({
  filter: fc.nat(texts.length - 1),
  begin: fc.integer({ min: -45, max: 50 }),
  width: fc.integer({ min: 1, max: 95 }),
  packet_limit: fc.oneof(fc.integer({ min: 1, max: 30 }), fc.constant(10_000)),
  excluded: fc.constantFrom(undefined, undefined, 1, 101),
});

interface Placed {
  readonly stream: PlannedStream;
  readonly packet: TestPacket;
  readonly place: number;
}

/** All packets of all streams in the order of the format document, by sorting everything. */
function allInOrder(streams: readonly PlannedStream[]): Placed[] {
  const placed = streams.flatMap((one) =>
    one.segments.flat(2).map((packet, place): Placed => ({ stream: one, packet, place })),
  );
  return placed.sort(
    (a, b) =>
      Number(a.packet.time - b.packet.time) ||
      Buffer.compare(Buffer.from(a.stream.interface), Buffer.from(b.stream.interface)) ||
      a.stream.linktype - b.stream.linktype ||
      a.place - b.place,
  );
}

async function writeAll(directory: string, streams: readonly PlannedStream[]): Promise<TestWriter[]> {
  const end: TimeNs = crowd_begin + 100n;
  return Promise.all(
    streams.map(async (planned) => {
      const writer = new TestWriter(directory, planned);
      for (const [index, batches] of planned.segments.entries()) {
        await writer.begin(end);
        for (const batch of batches) writer.write(batch, end);
        if (index === planned.segments.length - 1) continue;
        await writer.seal('size', end);
        if (planned.indexed[index] === true) writer.index(index + 1);
      }
      return writer;
    }),
  );
}

describe('a look-back', () => {
  test('is what a pass over all packets gives', async () => {
    let store = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(stream, { maxLength: 4, selector: (one) => `${one.interface}@${one.linktype}` }),
        fc.array(query, { minLength: 5, maxLength: 15 }),
        async (streams, queries) => {
          const directory = join(root, String(store++));
          const writers = await writeAll(directory, streams);
          try {
            for (const asked of queries) check(streams, writers, asked);
          } finally {
            for (const writer of writers) await writer.abandon();
            rmSync(directory, { recursive: true, force: true });
          }
        },
      ),
      runs(60),
    );
  });
});

function check(
  streams: readonly PlannedStream[],
  writers: readonly TestWriter[],
  { filter, begin, width, packet_limit, excluded }: typeof query extends fc.Arbitrary<infer Q> ? Q : never,
): void {
  const from = crowd_begin + BigInt(begin);
  const to = from + BigInt(width);
  const all = programs[filter] ?? new Map<number, Program>();
  const asked = new Map([...all].filter(([linktype]) => linktype !== excluded));
  const text = texts[filter] ?? '';
  const formula = indexFormula({ any_tags_text: text, own_tags_text: '' });
  const growing = writers.flatMap((writer, index) =>
    streams[index]?.indexed.at(-1) === true ? [...writer.growing(formula)] : [],
  );
  const streams_now = writers.map((writer) => writer.stream);
  const view = { streams: streams_now, samplers: writers, growing: new Map(growing), now: 0n };
  const prepared = prepareLookback({ from, to, packet_limit, programs: asked, formula }, view);
  let answer: ReturnType<typeof prepared.answer>;
  let counts: ReturnType<typeof prepared.counts>;
  try {
    const result = scanSegments(prepared.job, { memory, indexes, cancelled: () => false });
    expect(result?.found).toEqual([]);
    if (result === undefined) throw new Error('nobody cancelled');
    const ports = { memory, indexes, cancelled: () => false };
    answer = prepared.answer(result);
    counts = prepared.counts(
      countStreams(prepared.job, prepared.count, answeredWeights(result, prepared.count), ports),
    );
  } finally {
    prepared.close();
  }
  const matching = allInOrder(streams).filter(({ packet, stream: of }) => {
    const program = asked.get(of.linktype);
    const { time, original: wire_length, bytes } = packet;
    return (
      time > from && time <= to && program !== undefined && runBpf(program.instructions, { bytes, wire_length }) > 0
    );
  });
  const wanted = matching.slice(-packet_limit);
  expect(answer.packets).toBe(wanted.length);
  expect(answer.truncated || matching.length <= packet_limit).toBe(true);
  if (matching.length > packet_limit) expect(answer.truncated).toBe(true);
  // So little is counted, not estimated.
  expect(counts.truncated).toBe(matching.length > packet_limit);
  expect(answer.coverage.flatMap(({ gaps }) => gaps).filter(({ reason }) => reason === 'damaged')).toEqual([]);
  for (const { interface: name, linktype } of streams) {
    const isMine = ({ stream: of }: Placed): boolean => of.interface === name && of.linktype === linktype;
    const mine = answer.chunks.filter((chunk) => chunk.interface === name && chunk.linktype === linktype);
    const got = mine.flatMap(({ records }) => packetsOf(records));
    const kept_out = matching.slice(0, -packet_limit).filter(isMine);
    const counted = counts.interfaces.find((one) => one.interface === name && one.linktype === linktype);
    expect(counted?.kept_out_estimated ?? 0n).toBe(BigInt(kept_out.length));
    const expected = wanted.filter(isMine);
    expect(got).toEqual(expected.map(({ packet }) => packet));
    expect(answer.coverage.find((one) => one.interface === name && one.linktype === linktype)).toMatchObject({
      excluded: !asked.has(linktype),
      packets: expected.length,
    });
  }
}
