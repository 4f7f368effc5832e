import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { soak } from '../../test/support/soak.ts';
import { programHere } from '../../test/filters/compile_here.ts';
import { hiddenFrame } from '../../test/filters/hidden_frame.ts';
import { randomExpression } from '../../test/filters/random_expression.ts';
import { filterV1 } from '../../test/filters/random_filter.ts';
import { cutFrame, frameBytes } from '../../test/filters/random_frame.ts';
import { runBpf } from '../../test/support/bpf_machine.ts';
import { indexFormula } from '../filter/index_formula.ts';
import { joinFilter } from '../filter/join_filter.ts';
import { createRecordMemory } from '../libpcap/record_filter.ts';
import { IndexShelf } from './index/index_shelf.ts';
import type { Program } from '../libpcap/program.ts';
import { FaultError } from '../model/errors/fault.ts';
import { prepareLookback } from './lookback.ts';
import { scanSegments } from './scan_segments.ts';
import { crowd_begin, packetsOf, runs } from './test_packets.ts';
import { TestWriter } from './test_writer.ts';

const memory = createRecordMemory(128 * 1024);
const indexes = new IndexShelf();
const frame = fc.oneof(
  cutFrame.map((one) => frameBytes(one).slice(0, one.captured)),
  hiddenFrame.map((bytes) => bytes.slice(0, 160)),
);
const asked = fc.record({
  filter_v1: fc.oneof(fc.constant({}), filterV1),
  expression: fc.oneof(fc.constant(''), { weight: 4, arbitrary: randomExpression }),
  networks: fc.constantFrom('all' as const, ['10.0.0.0/8', '2001:db8::/32'], ['192.0.2.7'], []),
});

/** The filter as control makes it, and its program; undefined where it is refused, or nothing can match it. */
function filterOf(parts: typeof asked extends fc.Arbitrary<infer Parts> ? Parts : never) {
  try {
    const texts = joinFilter(parts);
    const program = programHere(texts);
    return program === undefined ? undefined : { program, formula: indexFormula(texts) };
  } catch (error) {
    // An expression that does not compile never gets as far as to a look-back.
    if (error instanceof FaultError || error instanceof Error) return undefined;
    throw error;
  }
}

test('whatever the filter and the packets, the index leaves nothing out', async () => {
  let [store, compared, narrowed] = [0, 0, 0];
  const root = mkdtempSync(join(tmpdir(), 'edgetap-filters-'));
  try {
    await fc.assert(
      fc.asyncProperty(
        fc.array(frame, { minLength: 20, maxLength: 120 }),
        fc.array(asked, { minLength: 30, maxLength: 60 }),
        async (frames, queries) => {
          const directory = join(root, String(store++));
          const writer = new TestWriter(directory, { interface: 'eth0', linktype: 1 });
          const packets = frames.map((bytes, index) => ({
            time: crowd_begin + BigInt(index),
            original: Math.max(1, bytes.length),
            bytes,
          }));
          await writer.begin(crowd_begin - 1n);
          writer.write(packets, crowd_begin + 200n);
          await writer.seal('size', crowd_begin + 200n);
          writer.index(1);
          for (const parts of queries) {
            const filter = filterOf(parts);
            if (filter === undefined) continue;
            const programs = new Map<number, Program>([[1, filter.program]]);
            const window = { from: crowd_begin - 1n, to: crowd_begin + 200n, packet_limit: 10_000 };
            const view = { streams: [writer.stream], samplers: [], growing: new Map(), now: 0n };
            const prepared = prepareLookback({ ...window, programs, formula: filter.formula }, view);
            const result = scanSegments(prepared.job, { memory, indexes, cancelled: () => false });
            prepared.close();
            const expected = packets.filter(
              ({ bytes, original }) => runBpf(filter.program.instructions, { bytes, wire_length: original }) > 0,
            );
            const found = result?.pieces.flatMap(({ records }) => packetsOf(records)) ?? [];
            expect([parts, found]).toEqual([parts, expected]);
            expect(result).toMatchObject({ truncated: false, damage: [], found: [] });
            compared += 1;
            if (filter.formula.kind !== 'any') narrowed += 1;
          }
          rmSync(directory, { recursive: true });
        },
      ),
      runs(12),
    );
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
  // Most texts do compile, and most of those the index can narrow down.
  expect(narrowed).toBeGreaterThan(compared / 3);
  expect(compared).toBeGreaterThan(50 * Math.min(1, soak));
});

test('of a link type whose headers are not looked into, everything is read', async () => {
  const root = mkdtempSync(join(tmpdir(), 'edgetap-linktype-'));
  try {
    // PPP with address and control fields that are not those of HDLC: libpcap takes the protocol from behind them all the same.
    const ip = Uint8Array.of(
      0x45,
      0,
      0,
      28,
      0,
      0,
      0,
      0,
      64,
      17,
      0,
      0,
      10,
      0,
      0,
      1,
      10,
      0,
      0,
      2,
      0,
      53,
      0,
      53,
      0,
      8,
      0,
      0,
    );
    const bytes = Uint8Array.of(0x0f, 0x00, 0x00, 0x21, ...ip);
    const writer = new TestWriter(root, { interface: 'ppp0', linktype: 9 });
    await writer.begin(crowd_begin);
    writer.write([{ time: crowd_begin + 1n, original: bytes.length, bytes }], crowd_begin + 2n);
    await writer.seal('size', crowd_begin + 2n);
    writer.index(1);
    const texts = { expression_text: '', any_tags_text: 'host 10.0.0.1', own_tags_text: '' };
    const program = programHere(texts, 9);
    if (program === undefined) throw new Error('it can match');
    const query = {
      programs: new Map([[9, program]]),
      formula: indexFormula(texts),
      from: crowd_begin,
      to: crowd_begin + 2n,
    };
    const view = { streams: [writer.stream], samplers: [], growing: new Map(), now: 0n };
    const prepared = prepareLookback({ ...query, packet_limit: 10 }, view);
    const result = scanSegments(prepared.job, { memory, indexes, cancelled: () => false });
    prepared.close();
    expect(result?.pieces.map(({ count }) => count)).toEqual([1]);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});
