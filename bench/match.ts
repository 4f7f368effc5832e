import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { alone, compared, comparedTrees, type Figure } from './support/figure.ts';
import type { LineProcess } from './support/line_process.ts';
import { percentile } from './support/percentile.ts';
import { sampleFlow, writeRecordFile } from './support/record_file.ts';
import { takeTurns } from './support/take_turns.ts';
import { startSubject, this_tree, type Tree } from './support/tree.ts';

const run = promisify(execFile);

const openings = 200;
/** Of a tree in each of its turns. */
const openings_of_turn = 40;
const records_wanted = Number(process.env['EDGETAP_BENCH_PACKETS'] ?? 5_000_000);

const { source, destination, source_port, destination_port } = sampleFlow;
const cases: readonly { readonly name: string; readonly expression: string }[] = [
  {
    name: 'five-tuple',
    expression: `tcp and src host ${source} and dst host ${destination} and src port ${source_port} and dst port ${destination_port}`,
  },
  { name: 'one address', expression: `host ${source}` },
  { name: 'one address and port', expression: `host ${source} and port 443` },
  { name: 'one port', expression: 'port 443' },
  { name: 'a /24', expression: 'net 192.0.2.0/24' },
  { name: 'expression', expression: 'tcp[tcpflags] & tcp-syn != 0' },
  { name: 'everything', expression: '' },
];

/**
 * Running filters over a capture file that is in memory, against tcpdump: from opening the file to the last packet written to nowhere.
 * CPU time is counted, all threads and the filter's compilation included, so that a busy machine does not show.
 */
export async function* benchmark(against: Tree | undefined): AsyncGenerator<Figure> {
  await run('tcpdump', ['--version']).catch((cause: unknown) => {
    throw new Error('the peer tcpdump is not installed', { cause });
  });
  const directory = await mkdtemp('/dev/shm/edgetap-bench-');
  const subjects: LineProcess[] = [];
  try {
    const file = join(directory, 'records.pcap');
    const records = writeRecordFile(file, records_wanted);
    const start = async (tree: Tree): Promise<LineProcess> => {
      const subject = await startSubject(tree, 'match', [file]);
      subjects.push(subject);
      return subject;
    };
    const bench = { file, records, ours: await start(this_tree) };
    yield* against === undefined
      ? besideTcpdump(bench)
      : besideTree(bench, { tree: against, subject: await start(against) });
  } finally {
    for (const subject of subjects) await subject.end();
    await rm(directory, { recursive: true });
  }
}

interface Bench {
  readonly file: string;
  /** How many it holds. */
  readonly records: number;
  readonly ours: LineProcess;
}

async function* besideTcpdump({ file, records, ours }: Bench): AsyncGenerator<Figure> {
  for (const { name, expression } of cases) {
    const hits = await countByTcpdump(file, expression);
    const rates = await takeTurns([scanBy(ours, hits), costOfTcpdump], async (costOf) => {
      return records / (await costOf(file, expression)) / 1e6;
    });
    const of = { bench: 'match', case: name, unit: 'Mpps_per_core', better: 'more' } as const;
    yield compared({ ...of, ...rates, peer: 'tcpdump -r', goal: 2 });
  }
  const ready = percentile(await timesToReady(ours, openings), 0.5);
  yield alone({ bench: 'match', case: 'ready', unit: 'p50_ms', better: 'less', ours: ready, goal: 1 });
}

async function* besideTree(
  { file, records, ours }: Bench,
  theirs: { readonly tree: Tree; readonly subject: LineProcess },
): AsyncGenerator<Figure> {
  const against = theirs.tree;
  for (const { name, expression } of cases) {
    const hits = await countByTcpdump(file, expression);
    const turns = await takeTurns([ours, theirs.subject], async (subject) => {
      return records / (await scanBy(subject, hits)(file, expression)) / 1e6;
    });
    yield comparedTrees({ bench: 'match', case: name, unit: 'Mpps_per_core', better: 'more', turns, against });
  }
  const turns = await takeTurns([ours, theirs.subject], async (subject) =>
    percentile(await timesToReady(subject, openings_of_turn), 0.5),
  );
  yield comparedTrees({ bench: 'match', case: 'ready', unit: 'p50_ms', better: 'less', turns, against });
}

/** Has a subject scan its file; gives the CPU time in seconds. Rejects where it does not find so many. */
function scanBy(subject: LineProcess, wanted: number): (file: string, expression: string) => Promise<number> {
  return async (_file, expression) => {
    subject.tell(`scan ${expression}`);
    const { hits, cpu_s } = JSON.parse(await subject.read()) as { readonly hits: number; readonly cpu_s: number };
    if (hits !== wanted) throw new Error(`${expression}: ${hits} packets match, and ${wanted} by tcpdump`);
    return cpu_s;
  };
}

/** Milliseconds from a program to what it says of a first packet, so many times. */
async function timesToReady(subject: LineProcess, times: number): Promise<number[]> {
  const all: number[] = [];
  for (let time = 0; time < times; time += 1) {
    subject.tell(`ready ${cases[0]?.expression}`);
    all.push((JSON.parse(await subject.read()) as { readonly ms: number }).ms);
  }
  return all;
}

async function costOfTcpdump(file: string, expression: string): Promise<number> {
  // The shell tells what its child cost, to the millisecond.
  const timed = 'TIMEFORMAT="cpu %U %S"; time "$0" "$@"';
  const args = ['-n', '-Z', 'root', '-r', file, '-w', '/dev/null', '--', expression];
  const { stderr } = await run('bash', ['-c', timed, 'tcpdump', ...args]);
  const cpu = /^cpu ([\d.]+) ([\d.]+)$/m.exec(stderr);
  if (cpu === null) throw new Error(`tcpdump did not say what it did: ${stderr}`);
  return Number(cpu[1]) + Number(cpu[2]);
}

async function countByTcpdump(file: string, expression: string): Promise<number> {
  const { stdout } = await run('tcpdump', ['-n', '-Z', 'root', '-r', file, '--count', '--', expression]);
  const count = /^(\d+) packets?$/m.exec(stdout)?.[1];
  if (count === undefined) throw new Error(`tcpdump did not count: ${stdout}`);
  return Number(count);
}
