import { execFile } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { waitFor } from '../../test/support/wait_for.ts';
import { type LineProcess, startLines } from './line_process.ts';

const run = promisify(execFile);

/** What a capture took in, and what it cost. */
export interface CaptureCost {
  readonly packets: number;
  /** User and system time of the whole capture. */
  readonly cpu_s: number;
}

/** A capture program as its users run it. */
export interface CapturePeer {
  readonly name: string;
  readonly program: string;
  args(name: string, file: string): readonly string[];
  /** It says this on standard error once it captures. */
  readonly ready: string;
  /** Finds the number of packets in what it says at the end. */
  readonly count: RegExp;
}

const tcpdump = {
  program: 'tcpdump',
  ready: 'listening on',
  count: /^(\d+) packets? captured/m,
};

/** The programs that the capture benchmark compares with. */
export const capturePeers: readonly CapturePeer[] = [
  { ...tcpdump, name: 'tcpdump', args: (name, file) => ['-n', '-i', name, '-Z', 'root', '-w', file] },
  {
    ...tcpdump,
    name: 'tcpdump -B 65536',
    args: (name, file) => ['-n', '-B', '65536', '-i', name, '-Z', 'root', '-w', file],
  },
  {
    name: 'dumpcap',
    program: 'dumpcap',
    args: (name, file) => ['-q', '-i', name, '-w', file],
    ready: 'File:',
    count: /^Packets captured: (\d+)/m,
  },
];

/** Throws where a peer is not installed. */
export async function requirePeers(programs = capturePeers.map(({ program }) => program)): Promise<void> {
  for (const program of programs) {
    await run(program, ['--version']).catch((cause: unknown) => {
      throw new Error(`the peer ${program} is not installed`, { cause });
    });
  }
}

/** Runs `count` of a peer at once while `traffic` is sent; resolves with the sum of what they took in and cost. */
export async function measurePeer(
  peer: CapturePeer,
  of: { readonly interface: string; readonly directory: string; readonly count: number },
  traffic: () => Promise<void>,
): Promise<CaptureCost> {
  const files = Array.from({ length: of.count }, (_, index) => join(of.directory, `peer${index}`));
  const processes = files.map((file) => {
    // The shell tells what its child cost, to the millisecond.
    const timed = 'TIMEFORMAT="cpu %U %S"; time "$0" "$@"';
    return startLines('bash', ['-c', timed, peer.program, ...peer.args(of.interface, file)]);
  });
  for (const process of processes) {
    await waitFor(() => process.said.includes(peer.ready), { what: `${peer.name} captures` });
  }
  // Said just before it really does.
  await new Promise((resolve) => setTimeout(resolve, 200));
  await traffic();
  for (const file of files) await settled(file);
  const costs = await Promise.all(processes.map(async (process) => await endPeer(peer, process)));
  return {
    packets: costs.reduce((sum, cost) => sum + cost.packets, 0),
    cpu_s: costs.reduce((sum, cost) => sum + cost.cpu_s, 0),
  };
}

async function endPeer(peer: CapturePeer, process: LineProcess): Promise<CaptureCost> {
  const said = await process.end('SIGINT');
  const packets = peer.count.exec(said)?.[1];
  const cpu = /^cpu ([\d.]+) ([\d.]+)$/m.exec(said);
  if (packets === undefined || cpu === null) throw new Error(`${peer.name} did not say what it did: ${said}`);
  return { packets: Number(packets), cpu_s: Number(cpu[1]) + Number(cpu[2]) };
}

/** Waits until a file has not grown for a while: what was in the ring is read. */
async function settled(file: string): Promise<void> {
  let [size, since] = [-1, performance.now()];
  while (performance.now() - since < 1500) {
    const now = (await stat(file)).size;
    if (now !== size) [size, since] = [now, performance.now()];
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
