import { mkdtemp, rm } from 'node:fs/promises';
import { setPriority } from 'node:os';
import { join } from 'node:path';
import { type CaptureCost, capturePeers, measurePeer, requirePeers } from './support/capture_peer.ts';
import { compared, comparedTrees, type Figure } from './support/figure.ts';
import type { LineProcess } from './support/line_process.ts';
import { takeTurns } from './support/take_turns.ts';
import { startTraffic, type Traffic } from './support/traffic.ts';
import { startSubject, this_tree, type Tree } from './support/tree.ts';
import { warmMemory } from './support/warm_memory.ts';

/** Runs of each; the first of all is not counted. */
const runs = 8;
/** Orders of the four programs, in turn: each comes after each other one as often. What a program leaves behind is no one's alone to bear. */
const orders = [
  [0, 1, 3, 2],
  [1, 2, 0, 3],
  [2, 3, 1, 0],
  [3, 0, 2, 1],
];

/** Of a loss in percent. */
const resolution = 0.001;

interface Case {
  readonly name: string;
  readonly frame_bytes: number;
  readonly captures: number;
  readonly packets: number;
  /** The least ratio of CPU wanted. */
  readonly cpu_goal: number;
}

const cases: readonly Case[] = [
  // 64 bytes on the wire have 4 of a checksum that no capture sees.
  { name: '64 B', frame_bytes: 60, captures: 1, packets: 3_000_000, cpu_goal: 0.75 },
  { name: '242 B', frame_bytes: 242, captures: 1, packets: 2_000_000, cpu_goal: 0.83 },
  { name: '1500 B', frame_bytes: 1500, captures: 1, packets: 1_000_000, cpu_goal: 0.83 },
  { name: '242 B x 8 captures', frame_bytes: 242, captures: 8, packets: 500_000, cpu_goal: 0.83 },
];

interface Run {
  readonly loss_percent: number;
  readonly cpu_s_per_Mpkt: number;
}

/** What capturing costs and loses, against the capture programs of the field, on one cable with as many packets as it takes. */
export async function* benchmark(against: Tree | undefined): AsyncGenerator<Figure> {
  if (against === undefined) await requirePeers();
  // Before whatever else runs on this machine, all of them alike.
  setPriority(-20);
  // In memory: what is compared is capturing, not the disk.
  const directory = await mkdtemp('/dev/shm/edgetap-bench-');
  const traffic = await startTraffic();
  const subjects: LineProcess[] = [];
  const start = async (tree: Tree): Promise<Capture> => {
    const subject = await startSubject(tree, 'capture', [join(directory, tree.name), traffic.interface.name]);
    subjects.push(subject);
    return captureBy(subject);
  };
  try {
    const ours = await start(this_tree);
    const theirs = against === undefined ? undefined : { tree: against, capture: await start(against) };
    for (const one of cases) {
      const bench = { one, traffic, directory };
      yield* theirs === undefined ? measure(bench, ours) : measureTrees(bench, ours, theirs);
    }
  } finally {
    for (const subject of subjects) await subject.end();
    await traffic.close();
    await rm(directory, { recursive: true });
  }
}

/** One case, and what it needs. */
interface Bench {
  readonly one: Case;
  readonly traffic: Traffic;
  /** In memory. */
  readonly directory: string;
}

function captureBy(subject: LineProcess): Capture {
  return async (count, send) => {
    subject.tell(`arm ${count}`);
    await subject.read();
    await send();
    subject.tell('stop');
    return JSON.parse(await subject.read()) as CaptureCost;
  };
}

type Capture = (count: number, send: () => Promise<void>) => Promise<CaptureCost>;

async function* measure(bench: Bench, ours: Capture): AsyncGenerator<Figure> {
  const { one, traffic, directory } = bench;
  const all = new Map<string, Run[]>();
  const programs: readonly [string, Capture][] = [
    ['ours', ours],
    ...capturePeers.map((peer): [string, Capture] => [
      peer.name,
      async (count, send) => await measurePeer(peer, { interface: traffic.interface.name, directory, count }, send),
    ]),
  ];
  for (let run = 0; run <= runs; run += 1) {
    for (const program of orders[run % orders.length] ?? []) {
      const [name, capture] = programs[program] ?? none(program);
      const result = await oneRun(bench, capture);
      if (run > 0) all.set(name, [...(all.get(name) ?? []), result]);
    }
  }
  const of = (name: string, unit: keyof Run): number[] => (all.get(name) ?? []).map((run) => run[unit]);
  for (const unit of ['loss_percent', 'cpu_s_per_Mpkt'] as const) {
    for (const { name: peer } of capturePeers) {
      const figures = { ours: of('ours', unit), theirs: of(peer, unit) };
      // The small ring of the defaults stays in the processor's cache, and loses packets for it: no goal for its cost.
      const cpu_goal = peer === 'tcpdump' ? 0 : one.cpu_goal;
      const goal = unit === 'loss_percent' ? { goal: 1, resolution } : { goal: cpu_goal };
      yield compared({ bench: 'capture', case: one.name, unit, better: 'less', peer, ...figures, ...goal });
    }
  }
}

/** The same with another tree as the peer. */
async function* measureTrees(
  bench: Bench,
  ours: Capture,
  theirs: { readonly tree: Tree; readonly capture: Capture },
): AsyncGenerator<Figure> {
  // The first run of each is not counted.
  for (const capture of [ours, theirs.capture]) await oneRun(bench, capture);
  const turns = await takeTurns([ours, theirs.capture], async (capture) => await oneRun(bench, capture));
  for (const unit of ['loss_percent', 'cpu_s_per_Mpkt'] as const) {
    const of = (all: readonly Run[]): number[] => all.map((run) => run[unit]);
    const pair = { turns: { ours: of(turns.ours), theirs: of(turns.theirs) }, against: theirs.tree };
    const more = unit === 'loss_percent' ? { ...pair, resolution } : pair;
    yield comparedTrees({ bench: 'capture', case: bench.one.name, unit, better: 'less', ...more });
  }
}

async function oneRun({ one, traffic, directory }: Bench, capture: Capture): Promise<Run> {
  await warmMemory(directory, one.packets * one.captures * (one.frame_bytes + 32));
  let offered = 0;
  const cost = await capture(one.captures, async () => {
    const { packets, seconds } = await traffic.send(one.frame_bytes, one.packets);
    offered = packets * one.captures;
    if (process.env['EDGETAP_BENCH_VERBOSE'] !== undefined) {
      console.error(`${one.name}: ${(packets / seconds / 1e6).toFixed(3)} Mpps`);
    }
  });
  const result = {
    loss_percent: Math.max(0, (100 * (offered - cost.packets)) / offered),
    cpu_s_per_Mpkt: cost.cpu_s / (cost.packets / 1e6),
  };
  if (process.env['EDGETAP_BENCH_VERBOSE'] !== undefined) console.error(JSON.stringify(result));
  return result;
}

function none(program: number): never {
  throw new RangeError(`there is no program ${program}`);
}
