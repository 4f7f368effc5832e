import { mkdtemp, rm } from 'node:fs/promises';
import { setPriority } from 'node:os';
import { join } from 'node:path';
import { type CapturePeer, measurePeer, requirePeers } from './support/capture_peer.ts';
import { alone, compared, comparedTrees, type Figure } from './support/figure.ts';
import type { LineProcess } from './support/line_process.ts';
import { progress } from './support/progress.ts';
import { takeTurns } from './support/take_turns.ts';
import { type Sent, startTraffic, type Traffic } from './support/traffic.ts';
import { startSubject, this_tree, type Tree } from './support/tree.ts';
import { warmMemory } from './support/warm_memory.ts';

/** Runs of each; the first of all is not counted. */
const runs = 5;
const run_s = Number(process.env['EDGETAP_BENCH_SECONDS'] ?? 10);
const frame_bytes = 242;
/** Frames of one order to the sender: about half a second. */
const piece_packets = 500_000;
const rates = [1, 16, 256];
/** Of a loss in percent. */
const resolution = 0.001;
const budget = { name: '100,000 packets/s at rate 16', packets_per_s: 100_000, rate: 16, core_percent: 10 };
/** What one core is to take without a loss, keeping everything. */
const lossless = { name: '1,000,000 packets/s at rate 1', packets_per_s: 1_000_000, rate: 1 };
/** The one sends, the other samples: with everything on one core each, nobody takes the other's time. */
const processors = { traffic: 0, sampling: 1 };
const on = ['-c', String(processors.sampling)];

/** The peer has a ring of 64 MiB. With the ring of its defaults (2 MiB) tcpdump loses more packets, and pays nothing for those. */
const peer = 'tcpdump -B 65536 -s 160';
const tcpdump = {
  program: 'taskset',
  ready: 'listening on',
  count: /^(\d+) packets? captured/m,
};
const peers: readonly CapturePeer[] = [
  {
    ...tcpdump,
    name: peer,
    args: (name, file) => [...on, 'tcpdump', '-n', '-B', '65536', '-s', '160', '-i', name, '-Z', 'root', '-w', file],
  },
  {
    ...tcpdump,
    name: 'tcpdump -s 160',
    args: (name, file) => [...on, 'tcpdump', '-n', '-s', '160', '-i', name, '-Z', 'root', '-w', file],
  },
];

/** What came of one run. */
interface Run {
  readonly Mpps_per_core: number;
  readonly cpu_s_per_Mpkt: number;
  readonly loss_percent: number;
}

/** What a sampler says of a run. */
interface Sampled {
  readonly written: number;
  readonly accepted: number;
  readonly lost: number;
  readonly cpu_s: number;
}

/**
 * What sampling costs: capturing, writing and indexing, on one core and in memory, while packets come as fast as they can be sent.
 * `Mpps_per_core` is how many arriving packets a second one core can take when it does nothing else.
 */
export async function* benchmark(against: Tree | undefined): AsyncGenerator<Figure> {
  await requirePeers(against === undefined ? ['tcpdump', 'taskset'] : ['taskset']);
  // Before whatever else runs on this machine, all of them alike.
  setPriority(-20);
  // In memory: what is compared is sampling, not the disk.
  const directory = await mkdtemp('/dev/shm/edgetap-bench-');
  const traffic = await startTraffic({ many: true, processor: processors.traffic });
  const subjects: LineProcess[] = [];
  const start = async (tree: Tree): Promise<LineProcess> => {
    const args = [join(directory, tree.name), traffic.interface.name];
    const subject = await startSubject(tree, 'sample', args, { via: ['taskset', ...on] });
    subjects.push(subject);
    return subject;
  };
  try {
    const bench = { traffic, directory };
    const ours = await start(this_tree);
    if (against === undefined) {
      yield* full(ours, bench);
      yield* withinBudget(ours, traffic);
      yield* withoutLoss(ours, bench);
    } else {
      yield* besideTree(bench, ours, { tree: against, subject: await start(against) });
    }
  } finally {
    for (const subject of subjects) await subject.end();
    await traffic.close();
    await rm(directory, { recursive: true });
  }
}

interface Bench {
  readonly traffic: Traffic;
  /** In memory. */
  readonly directory: string;
}

/** All cases with another tree as the peer; the first run of each is not counted. */
async function* besideTree(
  bench: Bench,
  ours: LineProcess,
  theirs: { readonly tree: Tree; readonly subject: LineProcess },
): AsyncGenerator<Figure> {
  const subjects = [ours, theirs.subject] as const;
  const of = { bench: 'sample', against: theirs.tree } as const;
  const pick = <T>(all: { readonly ours: readonly T[]; readonly theirs: readonly T[] }, value: (one: T) => number) => ({
    turns: { ours: all.ours.map(value), theirs: all.theirs.map(value) },
  });
  for (const rate of rates) {
    const run = async (subject: LineProcess): Promise<Run> => await fullRun(subject, rate, bench);
    for (const subject of subjects) await run(subject);
    const turns = await takeTurns(subjects, run);
    const name = `rate ${rate}`;
    const rates_of = { ...of, ...pick(turns, (one) => one.Mpps_per_core) };
    yield comparedTrees({ ...rates_of, case: name, unit: 'Mpps_per_core', better: 'more' });
    const costs = { ...of, ...pick(turns, (one) => one.cpu_s_per_Mpkt) };
    yield comparedTrees({ ...costs, case: name, unit: 'cpu_s_per_Mpkt', better: 'less' });
    const losses = { ...of, ...pick(turns, (one) => one.loss_percent), resolution };
    yield comparedTrees({ ...losses, case: name, unit: 'loss_percent', better: 'less' });
  }
  const within = await takeTurns(subjects, async (subject) => await budgetRun(subject, bench.traffic));
  const used = { ...of, ...pick(within, (one) => one) };
  yield comparedTrees({ ...used, case: budget.name, unit: 'core_percent', better: 'less' });
  const even = await takeTurns(subjects, async (subject) => await losslessRun(subject, bench));
  const lost = { ...of, ...pick(even, (one) => one), resolution };
  yield comparedTrees({ ...lost, case: lossless.name, unit: 'loss_percent', better: 'less' });
}

/** Samples as many packets as can be sent. */
async function fullRun(subject: LineProcess, rate: number, { traffic, directory }: Bench): Promise<Run> {
  await warmMemory(directory, run_s * 1e6 * 176);
  let sent: Sent = { packets: 0, seconds: 0 };
  const sampled = await sample(subject, rate, async () => {
    sent = await sendFor(traffic, run_s);
  });
  const offered = rate === 1 ? sent.packets : sampled.accepted;
  const lost = rate === 1 ? sent.packets - sampled.written : sampled.lost;
  const result = { ...costOf(sent.packets, sampled.cpu_s), loss_percent: Math.max(0, (100 * lost) / offered) };
  told(`rate ${rate}`, sent, result);
  return result;
}

async function* full(subject: LineProcess, bench: Bench): AsyncGenerator<Figure> {
  const { traffic, directory } = bench;
  const ours = new Map<number, Run[]>();
  const theirs = new Map<string, Run[]>();
  for (let run = 0; run <= runs; run += 1) {
    for (const rate of rates) {
      const result = await fullRun(subject, rate, bench);
      if (run > 0) ours.set(rate, [...(ours.get(rate) ?? []), result]);
    }
    for (const one of peers) {
      await warmMemory(directory, run_s * 1e6 * 176);
      let sent: Sent = { packets: 0, seconds: 0 };
      const cost = await measurePeer(one, { interface: traffic.interface.name, directory, count: 1 }, async () => {
        sent = await sendFor(traffic, run_s);
      });
      const loss_percent = Math.max(0, (100 * (sent.packets - cost.packets)) / sent.packets);
      const result = { ...costOf(cost.packets, cost.cpu_s), loss_percent };
      told(one.name, sent, result);
      if (run > 0) theirs.set(one.name, [...(theirs.get(one.name) ?? []), result]);
      await rm(join(directory, 'peer0'), { force: true });
    }
  }
  for (const rate of rates) {
    const name = `rate ${rate}`;
    const of = (unit: keyof Run): number[] => (ours.get(rate) ?? []).map((one) => one[unit]);
    for (const unit of ['Mpps_per_core', 'cpu_s_per_Mpkt'] as const) {
      const better = unit === 'Mpps_per_core' ? 'more' : 'less';
      for (const other of peers) {
        const figures = { ours: of(unit), theirs: (theirs.get(other.name) ?? []).map((one) => one[unit]) };
        // tcpdump writes no index, and keeps all: where sampling keeps less it has to cost less.
        const goal = rate === 1 || other.name !== peer ? 0 : 1;
        yield compared({ bench: 'sample', case: name, unit, better, peer: other.name, ...figures, goal });
      }
    }
    const middle = (unit: keyof Run): number => of(unit).toSorted((a, b) => a - b)[runs >> 1] ?? Number.NaN;
    if (rate === 1) {
      const unit = 'Mpps_per_core';
      yield alone({ bench: 'sample', case: name, unit, better: 'more', ours: middle(unit), goal: 1 });
    }
    if (rate > 1) {
      const ours = Math.max(...of('loss_percent'));
      yield alone({ bench: 'sample', case: name, unit: 'loss_percent', better: 'less', ours, goal: 0 });
      continue;
    }
    // As fast as it goes, more is sent than a core can take at rate 1: what is lost of that is told beside what the peers lose.
    for (const other of peers) {
      const lost = (theirs.get(other.name) ?? []).map((one) => one.loss_percent);
      const figures = { peer: other.name, ours: of('loss_percent'), theirs: lost };
      yield compared({
        bench: 'sample',
        case: name,
        unit: 'loss_percent',
        better: 'less',
        ...figures,
        goal: 0,
        resolution,
      });
    }
  }
}

async function* withoutLoss(subject: LineProcess, bench: Bench): AsyncGenerator<Figure> {
  const lost: number[] = [];
  for (let run = 0; run <= runs; run += 1) {
    const percent = await losslessRun(subject, bench);
    if (run > 0) lost.push(percent);
  }
  const ours = Math.max(...lost);
  yield alone({ bench: 'sample', case: lossless.name, unit: 'loss_percent', better: 'less', ours, goal: 0 });
}

/** Samples evenly sent packets, each; gives the percentage that was lost. */
async function losslessRun(subject: LineProcess, { traffic, directory }: Bench): Promise<number> {
  const { packets_per_s, rate } = lossless;
  await warmMemory(directory, run_s * 1e6 * 176);
  const { sent, sampled } = await sampleAt(subject, traffic, packets_per_s, rate);
  progress(`${packets_per_s} packets/s at rate ${rate}: ${sent.packets - sampled.written} of ${sent.packets} lost`);
  return Math.max(0, (100 * (sent.packets - sampled.written)) / sent.packets);
}

/** Sends evenly, so many packets a second. Throws where that cannot be sent. */
async function sampleAt(
  subject: LineProcess,
  traffic: Traffic,
  packets_per_s: number,
  rate: number,
): Promise<{ readonly sent: Sent; readonly sampled: Sampled }> {
  let sent: Sent = { packets: 0, seconds: 0 };
  const sampled = await sample(subject, rate, async () => {
    sent = await traffic.send(frame_bytes, packets_per_s * run_s, packets_per_s);
  });
  const came = sent.packets / sent.seconds;
  if (came < 0.95 * packets_per_s) throw new Error(`only ${Math.round(came)} packets a second could be sent`);
  return { sent, sampled };
}

async function* withinBudget(subject: LineProcess, traffic: Traffic): AsyncGenerator<Figure> {
  const used: number[] = [];
  for (let run = 0; run <= runs; run += 1) {
    const percent = await budgetRun(subject, traffic);
    if (run > 0) used.push(percent);
  }
  yield alone({
    bench: 'sample',
    case: budget.name,
    unit: 'core_percent',
    better: 'less',
    ours: used.toSorted((a, b) => a - b)[runs >> 1] ?? Number.NaN,
    goal: budget.core_percent,
  });
}

/** Samples at the rate of the budget; gives the percentage of a core that it took. */
async function budgetRun(subject: LineProcess, traffic: Traffic): Promise<number> {
  const { sent, sampled } = await sampleAt(subject, traffic, budget.packets_per_s, budget.rate);
  return (100 * sampled.cpu_s) / sent.seconds;
}

async function sample(subject: LineProcess, rate: number, send: () => Promise<void>): Promise<Sampled> {
  subject.tell(`start ${rate}`);
  await subject.read();
  await send();
  subject.tell('stop');
  return JSON.parse(await subject.read()) as Sampled;
}

/** Sends as fast as it goes, so long. */
async function sendFor(traffic: Traffic, seconds: number): Promise<Sent> {
  let sent: Sent = { packets: 0, seconds: 0 };
  while (sent.seconds < seconds) {
    const piece = await traffic.send(frame_bytes, piece_packets);
    sent = { packets: sent.packets + piece.packets, seconds: sent.seconds + piece.seconds };
  }
  return sent;
}

function costOf(packets: number, cpu_s: number): Omit<Run, 'loss_percent'> {
  return { Mpps_per_core: packets / 1e6 / cpu_s, cpu_s_per_Mpkt: cpu_s / (packets / 1e6) };
}

function told(name: string, sent: Sent, run: Run): void {
  progress(`${name}: ${(sent.packets / sent.seconds / 1e6).toFixed(3)} Mpps sent, ${JSON.stringify(run)}`);
}
