import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { numberedFrame } from '../src/samples/test_frames.ts';
import { startFlood } from '../test/support/flood.ts';
import { createNamespacePair, type NamespacePair } from '../test/support/namespace_pair.ts';
import { openFrameSender } from '../test/support/replay_frames.ts';
import { type Served, startServe } from '../test/support/serve.ts';
import { askEdgetap } from './support/ask_edgetap.ts';
import { alone, comparedTrees, type Figure } from './support/figure.ts';
import type { LineProcess } from './support/line_process.ts';
import { percentile } from './support/percentile.ts';
import { takeTurns } from './support/take_turns.ts';
import { startSubject, this_tree, type Tree } from './support/tree.ts';

const pause_max_ms = 100;
const goal_ms = 1000;
/** A probe that is not found by then never will be. */
const patience_ms = 30_000;
/** A probe's UDP destination port is its own. */
const ports = { first: 20_000, end: 60_000 };
let next_port = ports.first;

/** The cases, with the number of probes, and of those in each turn of a tree. */
const cases = [
  { name: 'arrival to findable', probes: 300, of_turn: 60, start: startModule, busy: false },
  { name: 'arrival to findable, busy link', probes: 300, of_turn: 60, start: startModule, busy: true },
  { name: 'arrival to findable, by the API', probes: 200, of_turn: 40, start: startApi, busy: false },
] as const;

/** What is asked on a cable of its own. */
interface Subject {
  /** Asks until there is what an expression takes. */
  find(expression: string): Promise<void>;
  close(): Promise<void>;
}

/** How long after a packet was sent a look-back finds it, at random moments: on a link without other traffic, and on a busy one. */
export async function* benchmark(against: Tree | undefined): AsyncGenerator<Figure> {
  const of = { bench: 'fresh', unit: 'p99_ms', better: 'less' } as const;
  for (const { name, probes, of_turn, start, busy } of cases) {
    await using ours = await onCable(this_tree, start);
    if (against === undefined) {
      yield alone({ ...of, case: name, ours: await measure(ours, probes, busy), goal: goal_ms });
    } else {
      await using theirs = await onCable(against, start);
      const turns = await takeTurns([ours, theirs], async (one) => await measure(one, of_turn, busy));
      yield comparedTrees({ ...of, case: name, turns, against });
    }
  }
}

interface OnCable extends AsyncDisposable {
  readonly pair: NamespacePair;
  readonly subject: Subject;
}

/** Starts one on a cable. */
async function onCable(tree: Tree, start: (tree: Tree, interface_name: string) => Promise<Subject>): Promise<OnCable> {
  const pair = await createNamespacePair();
  try {
    const subject = await start(tree, pair.near.name);
    const end = async (): Promise<void> => {
      await subject.close();
      await pair.remove();
    };
    return { pair, subject, [Symbol.asyncDispose]: end };
  } catch (error) {
    await pair.remove();
    throw error;
  }
}

/** The query module of a tree. */
async function startModule(tree: Tree, interface_name: string): Promise<Subject> {
  const directory = await mkdtemp(join(tmpdir(), 'edgetap-bench-'));
  let subject: LineProcess | undefined;
  const close = async (): Promise<void> => {
    await subject?.end();
    await rm(directory, { recursive: true });
  };
  try {
    const started = await startSubject(tree, 'fresh', [directory, interface_name]);
    subject = started;
    await started.read();
    const find = async (expression: string): Promise<void> => {
      started.tell(expression);
      const answer = await started.read();
      if (answer !== 'found') throw new Error(`${expression}: ${answer} was found`);
    };
    return { find, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The API of a tree. */
async function startApi(tree: Tree, interface_name: string): Promise<Subject> {
  const served = await startServe({ interfaces: [interface_name], tree });
  const close = async (): Promise<void> => {
    await served.stop();
    await served.remove();
  };
  return { find: async (expression) => await findByApi(served, expression), close };
}

async function findByApi(served: Served, filter_expression: string): Promise<void> {
  const body = { type: 'simple', system: 'magic-transit', time_limit: 10, packet_limit: 10, filter_expression };
  const begun = performance.now();
  while (performance.now() - begun < patience_ms) {
    // More than a file's header.
    if ((await askEdgetap(served, body)).bytes.length > 24) return;
  }
  throw new Error(`${filter_expression}: nothing was found`);
}

/** Sends so many probes, one after the other, and has each found; gives what 99 of 100 stay below, in milliseconds. */
async function measure({ pair, subject }: OnCable, probes: number, busy: boolean): Promise<number> {
  const sender = openFrameSender(pair.far);
  // About 100,000 packets a second: 200 of them, and a rest of 2 ms.
  const others = Array.from({ length: 200 }, (_, index) => numberedFrame(index, 242));
  const flood = busy ? await startFlood(pair.far, others, 2) : undefined;
  try {
    const times: number[] = [];
    for (let probe = 0; probe < probes; probe += 1) {
      await new Promise((resolve) => setTimeout(resolve, Math.random() * pause_max_ms));
      const port = next_port;
      next_port = port + 1 < ports.end ? port + 1 : ports.first;
      const frame = numberedFrame(probe);
      new DataView(frame.buffer).setUint16(36, port);
      const sent = performance.now();
      sender.send([frame]);
      await subject.find(`udp dst port ${port}`);
      times.push(performance.now() - sent);
    }
    return percentile(times, 0.99);
  } finally {
    await flood?.stop();
    sender.close();
  }
}
