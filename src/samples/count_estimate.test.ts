import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { seededRandom } from '../../test/support/seeded_random.ts';
import { indexFormula } from '../filter/index_formula.ts';
import { compileFilter } from '../libpcap/compile_filter.ts';
import type { Program } from '../libpcap/program.ts';
import { createRecordMemory } from '../libpcap/record_filter.ts';
import type { TimeNs } from '../model/time.ts';
import { recordHeaderBytes } from '../pcap/pcap_record.ts';
import { countMatches } from './count_matches.ts';
import { IndexShelf } from './index/index_shelf.ts';
import { prepareLookback } from './lookback.ts';
import { recordsOf, type TestPacket } from './test_packets.ts';
import { TestWriter } from './test_writer.ts';
import type { Window } from './window_coverage.ts';

/** How far an estimate may be off: from 64 blocks of about 40 packets each, where one in 30 matches, it has a deviation of a ninth. */
const tolerance = 0.25;
const begin: TimeNs = 1_769_846_400_000_000_000n;
const second = 1_000_000_000n;
const segments = 10;
const segment_s = 60n;
const runs_a_segment = 40;
const packets_a_run = 500;

const texts = ['udp', 'udp port 53', 'host 10.0.0.77', 'tcp and len > 100'] as const;

let root = '';
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'edgetap-estimate-'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

interface Drawn extends TestPacket {
  readonly udp: boolean;
  readonly port: number;
  readonly rare: boolean;
}

/** Ethernet with IPv4: a third UDP, a tenth of that to port 53; one in 400 packets from 10.0.0.77. */
function drawPacket(time: TimeNs, draw: (below: number) => number): Drawn {
  const [udp, port, rare] = [draw(3) === 0, draw(10) === 0 ? 53 : 8080, draw(400) === 0];
  const bytes = new Uint8Array(60 + draw(100));
  const from = rare ? 77 : 1 + draw(50);
  const ip = [0x45, 0, 0, bytes.length - 14, 0, 1, 0, 0, 64, udp ? 17 : 6, 0, 0, 10, 0, 0, from, 10, 0, 1, draw(200)];
  bytes.set([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, ...ip, 0x9c, 0x40, port >> 8, port & 255]);
  return { time, original: bytes.length, bytes, udp, port, rare };
}

/** The filters, said once more without libpcap. */
function isMatch(packet: Drawn, text: (typeof texts)[number]): boolean {
  switch (text) {
    case 'udp':
      return packet.udp;
    case 'udp port 53':
      return packet.udp && packet.port === 53;
    case 'host 10.0.0.77':
      return packet.rare;
    case 'tcp and len > 100':
      return !packet.udp && packet.original > 100;
  }
}

function programOf(text: string): Program {
  const filter = { expression_text: text, any_tags_text: text, own_tags_text: '' };
  const compiled = compileFilter(filter, { linktype: 1, live: false });
  if (compiled.kind !== 'program') throw new Error(`${text} does not compile`);
  return compiled.program;
}

/** Writes segments of a minute each, and counts per second what matches each of the filters. */
async function write(writer: TestWriter, draw: (below: number) => number): Promise<ReadonlyMap<string, number[]>> {
  const truth = new Map(texts.map((text) => [text, Array.from({ length: segments * Number(segment_s) }, () => 0)]));
  const step = (segment_s * second) / BigInt(runs_a_segment * packets_a_run);
  let time = begin;
  for (let segment = 1; segment <= segments; segment += 1) {
    await writer.begin(time);
    for (let run = 0; run < runs_a_segment; run += 1) {
      const packets = Array.from({ length: packets_a_run }, (_, index) =>
        drawPacket(time + step * BigInt(index + 1), draw),
      );
      time += step * BigInt(packets_a_run);
      for (const packet of packets) {
        const at = Number((packet.time - begin - 1n) / second);
        for (const [text, counts] of truth) if (isMatch(packet, text)) counts[at] = (counts[at] ?? 0) + 1;
      }
      writer.writeRecords(recordsOf(packets), time);
    }
    await writer.seal('age', time);
    writer.index(segment);
  }
  return truth;
}

test.each([1, 7])(
  'of more than 16 MiB what matches is estimated within a quarter of what there is, from data of seed %d',
  { timeout: 120_000 },
  async (seed) => {
    const draw = seededRandom(seed);
    const rate = seed === 1 ? 1 : 8;
    const writer = new TestWriter(join(root, String(seed)), { interface: 'eth0', linktype: 1 }, rate);
    const truth = await write(writer, draw);
    const ports = { memory: createRecordMemory(1 << 18), indexes: new IndexShelf(), cancelled: () => false };
    const bytes = writer.stream.sealed.reduce((sum, { length }) => sum + length, 0);
    expect(bytes).toBeGreaterThan((16 << 20) + segments * packets_a_run * recordHeaderBytes);
    const whole = Number(segment_s) * segments;
    const windows = [
      [0, whole],
      [7, whole - 3],
    ] as const;
    for (const [from_s, to_s] of windows) {
      for (const text of texts) {
        const window: Window = { from: begin + BigInt(from_s) * second, to: begin + BigInt(to_s) * second };
        const program = programOf(text);
        const formula = indexFormula({ any_tags_text: text, own_tags_text: '' });
        const programs = new Map([[1, program]]);
        const view = { streams: [writer.stream], samplers: [], now: window.to, growing: new Map<string, never>() };
        const prepared = prepareLookback({ ...window, programs, formula, packet_limit: 1 }, view);
        try {
          const rates = prepared.count.rates[0] ?? [];
          const found = countMatches({ job: prepared.job, stream: 0, rates }, ports);
          const there = (truth.get(text) ?? []).slice(from_s, to_s).reduce((sum, count) => sum + count, 0) * rate;
          expect({ text, exact: found?.exact }).toEqual({ text, exact: false });
          expect(Math.abs((found?.packets ?? 0) / there - 1), `${text}: ${found?.packets} for ${there}`).toBeLessThan(
            tolerance,
          );
        } finally {
          prepared.close();
        }
      }
    }
  },
);
