import { execFile } from 'node:child_process';
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { joinFilter } from '../src/filter/join_filter.ts';
import { accept, accept_bytes, decodeInstructions, encodeInstructions, type Program } from '../src/libpcap/program.ts';
import { createRecordMemory, openRecordFilter, type RecordMemory } from '../src/libpcap/record_filter.ts';
import { programHere } from '../test/filters/compile_here.ts';
import { alone, compared, type Figure } from './support/figure.ts';
import { record_bytes, sampleFlow, writeRecordFile } from './support/record_file.ts';

const run = promisify(execFile);

const runs = 5;
const openings = 200;
const records_wanted = 5_000_000;
const file_header_bytes = 24;
/** As much as stays in a processor's own cache. */
const chunk_bytes = Math.floor((1 << 18) / record_bytes) * record_bytes;

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
export async function* benchmark(): AsyncGenerator<Figure> {
  await run('tcpdump', ['--version']).catch((cause: unknown) => {
    throw new Error('the peer tcpdump is not installed', { cause });
  });
  const directory = await mkdtemp('/dev/shm/edgetap-bench-');
  try {
    const file = join(directory, 'records.pcap');
    const records = writeRecordFile(file, records_wanted);
    const memory = createRecordMemory(chunk_bytes);
    for (const { name, expression } of cases) {
      const program = programHere(joinFilter({ filter_v1: {}, expression, networks: 'all' }));
      if (program === undefined) throw new Error(`no packet can match ${expression}`);
      const hits = await countByTcpdump(file, expression);
      const [ours, theirs]: [number[], number[]] = [[], []];
      for (let round = 0; round < runs; round += 1) {
        theirs.push(records / (await costOfTcpdump(file, expression)) / 1e6);
        const scan = scanFile(file, unseen(program), memory);
        if (scan.hits !== hits) throw new Error(`${name}: ${scan.hits} packets match, and ${hits} by tcpdump`);
        ours.push(records / scan.cpu_s / 1e6);
      }
      yield compared({
        bench: 'match',
        case: name,
        unit: 'Mpps_per_core',
        better: 'more',
        ours,
        peer: 'tcpdump -r',
        theirs,
        goal: 2,
      });
    }
    yield timeToReady(memory);
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** From a program to what it says of a first packet. */
function timeToReady(memory: RecordMemory): Figure {
  const program = programHere(joinFilter({ filter_v1: {}, expression: cases[0]?.expression, networks: 'all' }));
  if (program === undefined) throw new Error('no packet can match the first case');
  const times = Array.from({ length: openings }, () => {
    const one = unseen(program);
    const started = performance.now();
    openRecordFilter(one, memory).matches(0, record_bytes, record_bytes);
    return performance.now() - started;
  });
  const ours = times.toSorted((a, b) => a - b)[times.length >> 1] ?? Number.NaN;
  return alone({ bench: 'match', case: 'ready', unit: 'p50_ms', better: 'less', ours, goal: 1 });
}

let programs_made = 0;

/** The same program with another number for "yes": the engine keeps the code of a module that it has seen. */
function unseen(program: Program): Program {
  programs_made += 1;
  const other = accept(accept_bytes - programs_made);
  const instructions = decodeInstructions(program.instructions).map((one) =>
    one.code === other.code && one.k === accept_bytes ? other : one,
  );
  return { ...program, instructions: encodeInstructions(instructions) };
}

interface Scan {
  readonly hits: number;
  readonly cpu_s: number;
}

function scanFile(path: string, program: Program, memory: RecordMemory): Scan {
  const before = process.cpuUsage();
  const filter = openRecordFilter(program, memory);
  const file = openSync(path, 'r');
  const nowhere = openSync('/dev/null', 'w');
  let [hits, position] = [0, file_header_bytes];
  for (;;) {
    const got = readSync(file, memory.bytes, 0, chunk_bytes, position);
    if (got === 0) break;
    position += got;
    const kept_end = filter.filter(0, got);
    if (kept_end > 0) writeSync(nowhere, memory.bytes, 0, kept_end);
    hits += kept_end / record_bytes;
  }
  closeSync(file);
  closeSync(nowhere);
  return { hits, cpu_s: cpuSince(before) };
}

function cpuSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
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
