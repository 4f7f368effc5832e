import { createNamespacePair, type NamespacePair } from '../test/support/namespace_pair.ts';
import { parsePcap } from '../test/support/packet_samples.ts';
import { openFrameSender } from '../test/support/replay_frames.ts';
import { type Served, startServe } from '../test/support/serve.ts';
import {
  captureBecomes,
  createCapture,
  deliveredFile,
  provedFileBucket,
  showCapture,
  stopCapture,
} from '../test/support/take_captures.ts';
import { alone, comparedTrees, type Figure } from './support/figure.ts';
import { percentile } from './support/percentile.ts';
import { unlessStopped } from './support/stop.ts';
import { takeTurns } from './support/take_turns.ts';
import { this_tree, type Tree } from './support/tree.ts';

const runs = 40;
/** Of a tree in each of its turns. */
const runs_of_turn = 8;
const tick_ms = 0.5;
/** Between two looks at a capture's status. */
const look_ms = 2;
const ms = 1_000_000n;

/** The cases, with the unit, the share of the runs that stay below the figure, the most that it may be, and what cannot be told from nothing. */
const cases = [
  { name: 'armed', unit: 'p50_ms', share: 0.5, goal: 50, resolution: tick_ms },
  { name: 'time_limit', unit: 'p99_ms', share: 0.99, goal: 100, resolution: tick_ms },
  { name: 'stop', unit: 'p99_ms', share: 0.99, goal: 200, resolution: tick_ms },
  { name: 'time_limit, idle', unit: 'p99_ms', share: 0.99, goal: 100, resolution: look_ms },
  { name: 'stop, idle', unit: 'p99_ms', share: 0.99, goal: 200, resolution: look_ms },
] as const;

/** Milliseconds of each run, by case. */
type Times = Readonly<Record<(typeof cases)[number]['name'], readonly number[]>>;

/** How quickly a full capture begins and ends, seen in the packets that are and are not in its file. */
export async function* benchmark(against: Tree | undefined): AsyncGenerator<Figure> {
  const ours = await serve(this_tree);
  try {
    if (against === undefined) {
      const times = await unlessStopped(async () => await ours.measure(runs));
      for (const { name, share, unit, goal } of cases) {
        yield alone({ bench: 'arm', case: name, unit, goal, better: 'less', ours: percentile(times[name], share) });
      }
      return;
    }
    const theirs = await serve(against);
    try {
      const turns = await takeTurns([ours, theirs], async (one) => await one.measure(runs_of_turn));
      for (const { name, resolution } of cases) {
        // Of so few runs the 99th percentile is the slowest one: that of a machine's whim, not of a tree.
        const of = (all: readonly Times[]): number[] => all.map((times) => percentile(times[name], 0.5));
        const pair = { ours: of(turns.ours), theirs: of(turns.theirs) };
        const more = { turns: pair, against, resolution };
        yield comparedTrees({ bench: 'arm', case: name, unit: 'p50_ms', better: 'less', ...more });
      }
    } finally {
      await theirs.close();
    }
  } finally {
    await ours.close();
  }
}

/** A tree's edgetap on a cable of its own. */
interface Subject {
  measure(runs: number): Promise<Times>;
  close(): Promise<void>;
}

async function serve(tree: Tree): Promise<Subject> {
  const pair = await createNamespacePair();
  let served: Served | undefined;
  const close = async (): Promise<void> => {
    await served?.remove();
    await pair.remove();
  };
  try {
    const started = await startServe({ interfaces: [pair.near.name], tree });
    served = started;
    const bucket = await provedFileBucket(started);
    const measure = async (count: number): Promise<Times> => ({
      ...(await beating(pair, async () => await busy(started, bucket, count))),
      ...(await idle(started, bucket, count)),
    });
    return { measure, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Sends a packet every half millisecond meanwhile: the first and the last in a file tell when capturing began and ended. */
async function beating<T>(pair: NamespacePair, work: () => Promise<T>): Promise<T> {
  const sender = openFrameSender(pair.far);
  const one = sender.prepare([new Uint8Array(100).fill(2)]);
  const metronome = { on: true };
  const beats = (async (): Promise<void> => {
    for (let next = performance.now(); metronome.on; ) {
      one.send(1);
      // Beats that were missed are not made up for: a burst of them would be more than a cable of one packet in half a millisecond has.
      next = Math.max(next + tick_ms, performance.now());
      do await new Promise(setImmediate);
      while (performance.now() < next);
    }
  })();
  try {
    return await work();
  } finally {
    metronome.on = false;
    await beats;
    sender.close();
  }
}

async function busy(
  served: Served,
  bucket: string,
  count: number,
): Promise<Pick<Times, 'armed' | 'stop' | 'time_limit'>> {
  const full = { type: 'full', colo_name: 'lab01', destination_conf: bucket };
  const times = (id: string): readonly bigint[] => parsePcap(deliveredFile(bucket, id)).packets.map(({ time }) => time);
  const [armed, stop, time_limit]: [number[], number[], number[]] = [[], [], []];
  for (let run = 0; run < count; run += 1) {
    const asked = wallNs();
    const { id } = await createCapture(served, { ...full, time_limit: 60 });
    await captureBecomes(served, id, ['running']);
    await pause(50);
    const stopped = wallNs();
    await stopCapture(served, id);
    await captureBecomes(served, id);
    const seen = times(id);
    armed.push(late(seen[0], asked));
    stop.push(late(seen.at(-1), stopped));
  }
  for (let run = 0; run < count; run += 1) {
    const { id } = await createCapture(served, { ...full, time_limit: 1 });
    await captureBecomes(served, id);
    const seen = times(id);
    time_limit.push(late(seen.at(-1), (seen[0] ?? 0n) + 1000n * ms));
  }
  return { armed, stop, time_limit };
}

/** The same with no packet to wake anybody: seen in the capture's status. */
async function idle(
  served: Served,
  destination_conf: string,
  count: number,
): Promise<Pick<Times, 'time_limit, idle' | 'stop, idle'>> {
  const full = { type: 'full', colo_name: 'lab01', destination_conf };
  const [timeLimit, stop]: [number[], number[]] = [[], []];
  for (let run = 0; run < count; run += 1) {
    const { id } = await createCapture(served, { ...full, time_limit: run % 2 === 0 ? 1 : 60 });
    await captureBecomes(served, id, ['running', 'conversion_pending', 'success']);
    const running = performance.now();
    if (run % 2 === 1) await stopCapture(served, id);
    while ((await showCapture(served, id)).status === 'running') await pause(look_ms);
    if (run % 2 === 1) stop.push(performance.now() - running);
    else timeLimit.push(Math.abs(performance.now() - running - 1000));
    await captureBecomes(served, id);
  }
  return { 'time_limit, idle': timeLimit, 'stop, idle': stop };
}

/** Milliseconds by which a packet's time is off a moment, either way. */
function late(seen: bigint | undefined, moment: bigint): number {
  if (seen === undefined) throw new Error('a capture of a running metronome has no packets');
  return Math.abs(Number(seen - moment) / 1e6);
}

function wallNs(): bigint {
  return BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000)) * 1000n;
}

async function pause(duration_ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, duration_ms));
}
