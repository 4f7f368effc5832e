import { dirname, join } from 'node:path';
import { createNamespacePair } from '../test/support/namespace_pair.ts';
import { startServe } from '../test/support/serve.ts';
import { askEdgetap } from './support/ask_edgetap.ts';
import { requirePeers } from './support/capture_peer.ts';
import { cacheDirectory } from './support/cache_directory.ts';
import { alone, compared, type Figure } from './support/figure.ts';
import { untilIndexed } from './support/indexed.ts';
import { startLines } from './support/line_process.ts';
import { type LookbackCase, lookbackCases } from './support/lookback_cases.ts';
import { peakMemory } from './support/peak_memory.ts';
import { percentile } from './support/percentile.ts';
import { cleanStore, dataDirectoryOf, type PreparedStore, prepareStore } from './support/prepared_store.ts';
import { progress } from './support/progress.ts';
import { sensor_options } from './support/sensor_options.ts';
import { feedStenographer, requireStenographer, startStenographer, type Stenographer } from './support/stenographer.ts';
import { createTcpdumpReader, type TcpdumpReader } from './support/tcpdump_reader.ts';

const packets = Number(process.env['EDGETAP_BENCH_PACKETS'] ?? 20_000_000);
const packet_limit = 10_000;
const time_limit_s = 300;
const memory_max_MB = 200;
/** Runs of each program in a case: at least so many, and more, up to a number, until they have taken a time. */
const runs = { least: 5, most: 40, enough_ms: 20_000 };
/** Changes whenever the packets do, or how they are kept. */
const version = `v1-${packets}`;

/** The programs that are compared, with one question. */
type Programs = Readonly<Record<'ours' | 'tcpdump' | 'stenographer', () => Promise<number>>>;

/**
 * How long look-backs take in a store of 20 million packets: at the server's socket, where each takes the newest 10,000, and in the query
 * module, where they take all. All packets lie within the 300 seconds that one look-back can ask for, so that all programs
 * search the same ones.
 */
export async function* benchmark(): AsyncGenerator<Figure> {
  await requirePeers(['tcpdump', 'curl']);
  requireStenographer();
  const cache = cacheDirectory('lookback', version);
  const store = await prepareStore(cache, packets);
  await feedStenographer(join(cache, 'stenographer'), store.segments, packets);
  progress(`what it has made is kept in ${cache}`);
  const stenographer = await startStenographer(join(cache, 'stenographer'));
  const tcpdump = createTcpdumpReader(store.segments);
  try {
    yield* newest(store, tcpdump, stenographer);
    yield* whole(store, tcpdump, stenographer);
  } finally {
    await stenographer.end();
    tcpdump.remove();
    cleanStore(store);
  }
}

async function* newest(
  store: PreparedStore,
  tcpdump: TcpdumpReader,
  stenographer: Stenographer,
): AsyncGenerator<Figure> {
  cleanStore(store);
  const pair = await createNamespacePair();
  const env = { EDGETAP_SAMPLE_BYTES: '20000000000' };
  // The first start after an installation compiles everything, in every thread: its memory is another matter.
  const first = await startServe({ interfaces: [pair.near.name] });
  await first.stop();
  await first.remove();
  const served = await startServe({ interfaces: [pair.near.name], data_dir: dataDirectoryOf(store), env });
  try {
    progress('waiting for the store to have indexed all segments');
    await untilIndexed(store.segments);
    for (const one of lookbackCases) {
      const question = {
        type: 'simple',
        system: 'magic-transit',
        time_limit: time_limit_s,
        packet_limit,
        offset_time: new Date(store.end_s * 1000).toISOString(),
        ...(one.expression === '' ? {} : { filter_expression: one.expression }),
      };
      const { bytes } = await askEdgetap(served, question);
      sameCount(one, {
        ours: countPackets(bytes),
        tcpdump: Math.min(packet_limit, await tcpdump.count(one.expression)),
        stenographer: await stenographer.count(one, packet_limit),
      });
      yield* compare(one, `${one.name}, newest ${packet_limit}`, {
        ours: async () => (await askEdgetap(served, question)).ms,
        tcpdump: async () => await tcpdump.askNewest(one.expression, packet_limit),
        stenographer: async () => await stenographer.ask(one, packet_limit),
      });
    }
    yield memory('resident memory of the sensor', peakMemory(served.pidOf('sensor')));
  } finally {
    await served.stop();
    await served.remove();
    await pair.remove();
  }
}

async function* whole(
  store: PreparedStore,
  tcpdump: TcpdumpReader,
  stenographer: Stenographer,
): AsyncGenerator<Figure> {
  cleanStore(store);
  const script = new URL('support/lookback_subject.ts', import.meta.url).pathname;
  const subject = startLines(process.execPath, [...sensor_options, script, dirname(store.segments[0] ?? '')]);
  const ask = async (line: string): Promise<{ packets: number; ms: number; memory_MB: number }> => {
    subject.tell(line);
    return JSON.parse(await subject.read()) as { packets: number; ms: number; memory_MB: number };
  };
  try {
    for (const one of lookbackCases) {
      sameCount(one, {
        ours: (await ask(one.expression)).packets,
        tcpdump: await tcpdump.count(one.expression),
        stenographer: await stenographer.count(one),
      });
      yield* compare(one, `${one.name}, whole store`, {
        ours: async () => (await ask(one.expression)).ms,
        tcpdump: async () => await tcpdump.ask(one.expression),
        stenographer: async () => await stenographer.ask(one),
      });
    }
    yield memory('resident memory of the query module', (await ask('memory')).memory_MB);
  } finally {
    await subject.end();
  }
}

/** Runs the programs in turn; what they do was checked, and that was their first run. */
async function* compare(one: LookbackCase, name: string, programs: Programs): AsyncGenerator<Figure> {
  const times = { ours: [] as number[], tcpdump: [] as number[], stenographer: [] as number[] };
  const begun = performance.now();
  const enough = (): boolean => performance.now() - begun > runs.enough_ms;
  for (let run = 0; run < runs.least || (run < runs.most && !enough()); run += 1) {
    for (const program of ['ours', 'tcpdump', 'stenographer'] as const) times[program].push(await programs[program]());
  }
  for (const [peer, theirs] of [
    ['tcpdump -r', times.tcpdump],
    ['stenographer', times.stenographer],
  ] as const) {
    for (const [unit, share] of [
      ['p50_ms', 0.5],
      ['p95_ms', 0.95],
    ] as const) {
      yield compared({
        bench: 'lookback',
        case: name,
        unit,
        better: 'less',
        ours: [percentile(times.ours, share)],
        peer,
        theirs: [percentile(theirs, share)],
        goal: unit === 'p50_ms' ? goalOf(one, name, peer) : 1,
      });
    }
  }
}

function goalOf(one: LookbackCase, name: string, peer: 'tcpdump -r' | 'stenographer'): number {
  if (one.kind === 'broad' && peer === 'stenographer') return 5;
  if (one.kind === 'selective' && peer === 'tcpdump -r' && name.endsWith('whole store')) return 100;
  return 1;
}

function memory(name: string, ours: number): Figure {
  return alone({ bench: 'lookback', case: name, unit: 'MB', better: 'less', ours, goal: memory_max_MB });
}

function sameCount(one: LookbackCase, counts: Readonly<Record<keyof Programs, number>>): void {
  progress(`${one.name}: ${counts.ours} packets`);
  if (counts.ours !== counts.tcpdump || counts.ours !== counts.stenographer || !(counts.ours > 0)) {
    throw new Error(`${one.name}: the programs do not find the same packets: ${JSON.stringify(counts)}`);
  }
}

/** The packets of a classic pcap file. */
function countPackets(bytes: Buffer): number {
  let count = 0;
  for (let at = 24; at < bytes.length; at += 16 + bytes.readUInt32LE(at + 8)) count += 1;
  return count;
}
