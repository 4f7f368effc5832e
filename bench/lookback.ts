import { dirname, join } from 'node:path';
import { createNamespacePair } from '../test/support/namespace_pair.ts';
import { type Served, startServe } from '../test/support/serve.ts';
import { askEdgetap } from './support/ask_edgetap.ts';
import { cacheDirectory } from './support/cache_directory.ts';
import { requirePeers } from './support/capture_peer.ts';
import { alone, compared, comparedTrees, type Figure } from './support/figure.ts';
import type * as Indexed from './support/indexed.ts';
import type { LineProcess } from './support/line_process.ts';
import { type LookbackCase, lookbackCases } from './support/lookback_cases.ts';
import { peakMemory } from './support/peak_memory.ts';
import { percentile } from './support/percentile.ts';
import type { PreparedStore } from './support/prepared_store.ts';
import type * as Prepared from './support/prepared_store.ts';
import { progress } from './support/progress.ts';
import { feedStenographer, requireStenographer, startStenographer, type Stenographer } from './support/stenographer.ts';
import { unlessStopped } from './support/stop.ts';
import { takeTurns } from './support/take_turns.ts';
import { createTcpdumpReader, type TcpdumpReader } from './support/tcpdump_reader.ts';
import { startSubject, supportOf, this_tree, type Tree } from './support/tree.ts';

const packets = Number(process.env['EDGETAP_BENCH_PACKETS'] ?? 20_000_000);
const packet_limit = 10_000;
const time_limit_s = 300;
const memory_max_MB = 200;
/** Runs of each program in a case: at least so many, and more, up to a number, until they have taken a time. */
const runs = { least: 5, most: 40, enough_ms: 20_000 };
/** The same of the runs in one turn of a tree. */
const runs_of_turn = { least: 1, most: 10, enough_ms: 1500 };
/** Changes whenever the packets do. */
const version = `v1-${packets}`;
const units = [
  ['p50_ms', 0.5],
  ['p95_ms', 0.95],
] as const;

/** The programs that are compared, with one question. */
type Programs = Readonly<Record<'ours' | 'tcpdump' | 'stenographer', () => Promise<number>>>;

/**
 * How long look-backs take in a store of 20 million packets: at the server's socket, where each takes the newest 10,000, and in the query
 * module, where they take all. All packets lie within the 300 seconds that one look-back can ask for, so that all programs
 * search the same ones.
 */
export async function* benchmark(against: Tree | undefined): AsyncGenerator<Figure> {
  if (against !== undefined) {
    yield* besideTree(against);
    return;
  }
  await requirePeers(['tcpdump', 'curl']);
  requireStenographer();
  const cache = cacheDirectory('lookback', version);
  const ours = await filledStore(this_tree, cache);
  const { segments } = ours.store;
  await feedStenographer(join(cache, 'stenographer'), segments, packets);
  const peers = {
    stenographer: await startStenographer(join(cache, 'stenographer')),
    tcpdump: createTcpdumpReader(segments),
  };
  try {
    yield* newest(ours, peers);
    yield* whole(ours, peers);
  } finally {
    await peers.stenographer.end();
    peers.tcpdump.remove();
    ours.clean();
  }
}

/** A tree with a store full of packets that it has made itself. */
interface Filled {
  readonly tree: Tree;
  readonly store: PreparedStore;
  /** A data directory with it. */
  dataDirectory(): string;
  indexed(): Promise<void>;
  /** Takes away what a server has sampled itself. */
  clean(): void;
}

async function filledStore(tree: Tree, cache: string): Promise<Filled> {
  // How a store lies on the disk is the tree's own affair.
  const { prepareStore, cleanStore, dataDirectoryOf } = (await import(
    supportOf(tree, 'prepared_store.ts')
  )) as typeof Prepared;
  const { untilIndexed } = (await import(supportOf(tree, 'indexed.ts'))) as typeof Indexed;
  const store = await prepareStore(cache, packets);
  progress(`what it has made is kept in ${cache}`);
  cleanStore(store);
  return {
    tree,
    store,
    dataDirectory: () => dataDirectoryOf(store),
    indexed: async () => await untilIndexed(store.segments),
    clean: () => cleanStore(store),
  };
}

/** All cases with another tree as the peer, each over a store of its own. */
async function* besideTree(against: Tree): AsyncGenerator<Figure> {
  const ours = await filledStore(this_tree, cacheDirectory('lookback', version));
  const theirs = await filledStore(against, cacheDirectory('lookback', `${version}-${against.name}`));
  try {
    for (const [name, open] of [
      [`newest ${packet_limit}`, openServed],
      ['whole store', openModule],
    ] as const) {
      await using a = await open(ours);
      await using b = await open(theirs);
      for (const one of lookbackCases) {
        const counts = { ours: await a.count(one), theirs: await b.count(one) };
        sameCount(one, counts);
        const turn = async (program: Answering): Promise<number[]> => await timesOf(async () => await program.ask(one));
        // The engine compiles what runs often: a turn of each that is not counted leaves it done with that.
        for (const program of [a, b]) await unlessStopped(async () => void (await turn(program)));
        const turns = await takeTurns([a, b], turn);
        for (const [unit, share] of units) {
          const of = (all: readonly (readonly number[])[]): number[] => all.map((times) => percentile(times, share));
          const pair = { turns: { ours: of(turns.ours), theirs: of(turns.theirs) }, against };
          yield comparedTrees({ bench: 'lookback', case: `${one.name}, ${name}`, unit, better: 'less', ...pair });
        }
      }
      const memory = { turns: { ours: [await a.memory()], theirs: [await b.memory()] }, against };
      yield comparedTrees({ bench: 'lookback', case: a.memory_name, unit: 'MB', better: 'less', ...memory });
    }
  } finally {
    ours.clean();
    theirs.clean();
  }
}

/** Milliseconds of the runs of a turn. */
async function timesOf(ask: () => Promise<number>): Promise<number[]> {
  const times: number[] = [];
  const begun = performance.now();
  const { least, most, enough_ms } = runs_of_turn;
  const enough = (): boolean => performance.now() - begun > enough_ms;
  while (times.length < least || (times.length < most && !enough())) times.push(await ask());
  return times;
}

/** What answers look-backs. */
interface Answering extends AsyncDisposable {
  /** The number of packets that a question gives. */
  count(one: LookbackCase): Promise<number>;
  /** How long it took, in milliseconds. */
  ask(one: LookbackCase): Promise<number>;
  /** The most resident memory that it has had, in MB. */
  memory(): Promise<number>;
  readonly memory_name: string;
}

/** A tree's server, asked for the newest packets. */
async function openServed(filled: Filled): Promise<Answering> {
  const { tree, store } = filled;
  const pair = await createNamespacePair();
  let served: Served | undefined;
  const close = async (): Promise<void> => {
    await served?.stop();
    await served?.remove();
    await pair.remove();
  };
  try {
    const interfaces = [pair.near.name];
    // The first start after an installation compiles everything, in every thread: its memory is another matter.
    served = await startServe({ interfaces, tree });
    await served.stop();
    await served.remove();
    const env = { EDGETAP_SAMPLE_BYTES: '20000000000' };
    const started = await startServe({ interfaces, tree, data_dir: filled.dataDirectory(), env });
    served = started;
    progress('waiting for the store to have indexed all segments');
    await unlessStopped(async () => await filled.indexed());
    return {
      count: async (one) => countPackets((await askEdgetap(started, questionOf(one, store))).bytes),
      ask: async (one) => (await askEdgetap(started, questionOf(one, store))).ms,
      memory: async () => await Promise.resolve(peakMemory(started.pidOf('sensor'))),
      memory_name: 'resident memory of the sensor',
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function questionOf(one: LookbackCase, store: PreparedStore): Readonly<Record<string, unknown>> {
  return {
    type: 'simple',
    system: 'magic-transit',
    time_limit: time_limit_s,
    packet_limit,
    offset_time: new Date(store.end_s * 1000).toISOString(),
    ...(one.expression === '' ? {} : { filter_expression: one.expression }),
  };
}

/** A tree's query module, asked for all packets. */
async function openModule(filled: Filled): Promise<Answering> {
  const { tree, store } = filled;
  filled.clean();
  const subject = await startSubject(tree, 'lookback', [dirname(store.segments[0] ?? '')]);
  return {
    count: async (one) => (await askSubject(subject, one.expression)).packets,
    ask: async (one) => (await askSubject(subject, one.expression)).ms,
    memory: async () => (await askSubject(subject, 'memory')).memory_MB,
    memory_name: 'resident memory of the query module',
    [Symbol.asyncDispose]: async () => void (await subject.end()),
  };
}

interface SubjectAnswer {
  readonly packets: number;
  readonly ms: number;
  readonly memory_MB: number;
}

async function askSubject(subject: LineProcess, line: string): Promise<SubjectAnswer> {
  subject.tell(line);
  return JSON.parse(await subject.read()) as SubjectAnswer;
}

interface Peers {
  readonly tcpdump: TcpdumpReader;
  readonly stenographer: Stenographer;
}

async function* newest(filled: Filled, { tcpdump, stenographer }: Peers): AsyncGenerator<Figure> {
  await using ours = await openServed(filled);
  for (const one of lookbackCases) {
    sameCount(one, {
      ours: await ours.count(one),
      tcpdump: Math.min(packet_limit, await tcpdump.count(one.expression)),
      stenographer: await stenographer.count(one, packet_limit),
    });
    yield* compare(one, `${one.name}, newest ${packet_limit}`, {
      ours: async () => await ours.ask(one),
      tcpdump: async () => await tcpdump.askNewest(one.expression, packet_limit),
      stenographer: async () => await stenographer.ask(one, packet_limit),
    });
  }
  yield memory(ours.memory_name, await ours.memory());
}

async function* whole(filled: Filled, { tcpdump, stenographer }: Peers): AsyncGenerator<Figure> {
  await using ours = await openModule(filled);
  for (const one of lookbackCases) {
    sameCount(one, {
      ours: await ours.count(one),
      tcpdump: await tcpdump.count(one.expression),
      stenographer: await stenographer.count(one),
    });
    yield* compare(one, `${one.name}, whole store`, {
      ours: async () => await ours.ask(one),
      tcpdump: async () => await tcpdump.ask(one.expression),
      stenographer: async () => await stenographer.ask(one),
    });
  }
  yield memory(ours.memory_name, await ours.memory());
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
    for (const [unit, share] of units) {
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

function sameCount(one: LookbackCase, counts: Readonly<Record<string, number>> & { readonly ours: number }): void {
  progress(`${one.name}: ${counts.ours} packets`);
  if (Object.values(counts).some((count) => count !== counts.ours) || !(counts.ours > 0)) {
    throw new Error(`${one.name}: the programs do not find the same packets: ${JSON.stringify(counts)}`);
  }
}

/** The packets of a classic pcap file. */
function countPackets(bytes: Buffer): number {
  let count = 0;
  for (let at = 24; at < bytes.length; at += 16 + bytes.readUInt32LE(at + 8)) count += 1;
  return count;
}
