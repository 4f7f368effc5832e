import { mkdtempSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runBpf } from '../../test/support/bpf_machine.ts';
import { compileFilter } from '../libpcap/compile_filter.ts';
import { createRecordMemory } from '../libpcap/record_filter.ts';
import { IndexShelf } from './index/index_shelf.ts';
import type { Program } from '../libpcap/program.ts';
import { prepareTally } from './prepare_tally.ts';
import { segmentFiles } from './segment_name.ts';
import type { TallyAnswer, TallyQuery } from './tally.ts';
import { tallySegments } from './tally_segments.ts';
import { crowd_begin, runs, type TestPacket } from './test_packets.ts';
import { takeAll } from './test_programs.ts';
import { TestWriter } from './test_writer.ts';

let root = '';
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'edgetap-tally-'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

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

const programs = ['', 'udp', 'src host 10.0.0.1 and len > 60', 'ip[8] = 9'].map(programsOf);

/** A packet by its plan: IPv4 from 10.0.0.`from` to 10.0.0.`to`. */
interface Planned {
  readonly from: number;
  readonly to: number;
  readonly packet: TestPacket;
}

interface PlannedStream {
  readonly interface: string;
  readonly linktype: number;
  readonly rate: number;
  readonly segments: readonly (readonly Planned[])[];
}

const stream: fc.Arbitrary<PlannedStream> = fc
  .record({
    interface: fc.constantFrom('a', 'b', 'é'),
    linktype: fc.constantFrom(1, 101),
    rate: fc.constantFrom(1, 10, 256),
    segments: fc.array(
      fc.array(
        fc.record({
          from: fc.integer({ min: 1, max: 3 }),
          to: fc.integer({ min: 1, max: 3 }),
          protocol: fc.constantFrom(6, 17),
          ttl: fc.constantFrom(8, 9),
          offset: fc.integer({ min: -40, max: 40 }),
          more: fc.nat(200),
        }),
        { maxLength: 25 },
      ),
      { minLength: 1, maxLength: 4 },
    ),
  })
  .map(({ segments, ...name }) => ({
    ...name,
    segments: segments.map((packets) =>
      packets.map(({ from, to, protocol, ttl, offset, more }): Planned => {
        const ip = new Uint8Array(28 + more);
        ip.set([0x45, 0, 0, ip.length, 0, 1, 0, 0, ttl, protocol, 0, 0, 10, 0, 0, from, 10, 0, 0, to, 0, 53, 0, 53]);
        const whole = name.linktype === 1 ? new Uint8Array([...new Uint8Array(12), 8, 0, ...ip]) : ip;
        const packet = { time: crowd_begin + BigInt(offset), original: whole.length, bytes: whole.slice(0, 160) };
        return { from, to, packet };
      }),
    ),
  }));

async function write(directory: string, { segments, rate, ...name }: PlannedStream): Promise<TestWriter> {
  const writer = new TestWriter(directory, name, rate);
  const [begin, end] = [crowd_begin - 100n, crowd_begin + 100n];
  for (const [index, packets] of segments.entries()) {
    await writer.begin(begin);
    writer.write(
      packets.map(({ packet }) => packet),
      end,
    );
    // The last one stays open.
    if (index === segments.length - 1) continue;
    await writer.seal('size', end);
    if (index % 2 === 0) writer.index(index + 1);
  }
  return writer;
}

const memory = createRecordMemory(128 * 1024);
const indexes = new IndexShelf();
const everything = { kind: 'any' } as const;

function tally(query: TallyQuery, writers: readonly TestWriter[]): TallyAnswer {
  const view = { streams: writers.map((writer) => writer.stream), samplers: writers, growing: new Map(), now: 0n };
  const prepared = prepareTally(query, view, 99);
  try {
    const result = tallySegments(prepared.job, { memory, indexes, cancelled: () => false });
    if (result === undefined) throw new Error('nobody cancelled');
    return prepared.answer(result);
  } finally {
    prepared.close();
  }
}

describe('a count of samples', () => {
  test('is what a pass over all packets gives', async () => {
    let store = 0;
    const asked = fc.record({
      filter: fc.nat(programs.length - 1),
      begin: fc.integer({ min: -50, max: 50 }),
      width: fc.integer({ min: 1, max: 95 }),
      excluded: fc.constantFrom(undefined, undefined, 1, 101),
    });
    const streams = fc.uniqueArray(stream, { maxLength: 4, selector: (one) => `${one.interface}@${one.linktype}` });
    await fc.assert(
      fc.asyncProperty(streams, fc.array(asked, { minLength: 3, maxLength: 8 }), async (planned, queries) => {
        const directory = join(root, String(store++));
        const writers = await Promise.all(planned.map(async (one) => await write(directory, one)));
        try {
          for (const { filter, begin, width, excluded } of queries) {
            const from = crowd_begin + BigInt(begin);
            const to = from + BigInt(width);
            const all = programs[filter] ?? new Map<number, Program>();
            const chosen = new Map([...all].filter(([linktype]) => linktype !== excluded));
            const answer = tally({ from, to, programs: chosen, formula: everything }, writers);
            expect(answer.interfaces).toHaveLength(planned.length);
            for (const one of planned) check(one, answer, chosen.get(one.linktype), from, to);
          }
        } finally {
          for (const writer of writers) await writer.abandon();
          rmSync(directory, { recursive: true, force: true });
        }
      }),
      runs(60),
    );
  });

  test('what cannot be read is a gap, and what can is counted', async () => {
    const directory = join(root, 'damaged');
    const packet = (offset: bigint): TestPacket => ({
      time: crowd_begin + offset,
      original: 60,
      bytes: new Uint8Array(60),
    });
    const writer = new TestWriter(directory, { interface: 'a', linktype: 1 }, 10);
    await writer.begin(crowd_begin - 100n);
    writer.write([packet(1n), packet(2n), packet(3n)], crowd_begin + 50n);
    await writer.seal('size', crowd_begin + 50n);
    truncateSync(join(writer.stream.directory, segmentFiles(1).sealed), 24 + 2 * 76 + 30);
    const query = { from: crowd_begin - 10n, to: crowd_begin + 40n, programs: takeAll, formula: everything };
    expect(tally(query, [writer]).interfaces).toMatchObject([
      {
        interface: 'a',
        packets: 2n,
        packets_estimated: 20n,
        bytes_estimated: 1200n,
        gaps: [{ from: crowd_begin + 2n, to: crowd_begin + 3n, reason: 'damaged' }],
      },
    ]);
  });

  test('that nobody waits for any more ends', async () => {
    const writer = await write(join(root, 'cancelled'), {
      interface: 'a',
      linktype: 1,
      rate: 1,
      segments: [[{ from: 1, to: 2, packet: { time: crowd_begin, original: 60, bytes: new Uint8Array(60) } }]],
    });
    const query = { from: crowd_begin - 1n, to: crowd_begin, programs: takeAll, formula: everything };
    const prepared = prepareTally(
      query,
      { streams: [writer.stream], samplers: [writer], growing: new Map(), now: 0n },
      1,
    );
    const result = tallySegments(prepared.job, { memory, indexes, cancelled: () => true });
    prepared.close();
    await writer.abandon();
    expect(result).toBeUndefined();
  });
});

function check(
  planned: PlannedStream,
  answer: TallyAnswer,
  program: Program | undefined,
  from: bigint,
  to: bigint,
): void {
  const found = answer.interfaces.find(
    (one) => one.interface === planned.interface && one.linktype === planned.linktype,
  );
  const matching = planned.segments.flat().filter(({ packet: { time, original: wire_length, bytes } }) => {
    const inside = time > from && time <= to;
    return inside && program !== undefined && runBpf(program.instructions, { bytes, wire_length }) > 0;
  });
  const rate = BigInt(planned.rate);
  const sum = (of: (one: Planned) => number): bigint => BigInt(matching.reduce((total, one) => total + of(one), 0));
  expect(found).toMatchObject({
    excluded: program === undefined,
    packets: BigInt(matching.length),
    captured_bytes: sum(({ packet }) => packet.bytes.length),
    packets_estimated: rate * BigInt(matching.length),
    bytes_estimated: rate * sum(({ packet }) => packet.original),
  });
  const pairs = Map.groupBy(matching, (one) => `10.0.0.${one.from} > 10.0.0.${one.to}`);
  expect(
    Object.fromEntries(
      (found?.talkers ?? []).map((one) => [`${one.source} > ${one.destination}`, one.bytes_estimated]),
    ),
  ).toEqual(
    Object.fromEntries(
      [...pairs].map(([name, own]) => [
        name,
        rate * BigInt(own.reduce((total, one) => total + one.packet.original, 0)),
      ]),
    ),
  );
}
