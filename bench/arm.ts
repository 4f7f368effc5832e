import { createNamespacePair } from '../test/support/namespace_pair.ts';
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
import { alone, type Figure } from './support/figure.ts';

const runs = 40;
const tick_ms = 0.5;
const ms = 1_000_000n;

/** How quickly a full capture begins and ends, seen in the packets that are and are not in its file. */
export async function* benchmark(): AsyncGenerator<Figure> {
  const pair = await createNamespacePair();
  const served = await startServe({ interfaces: [pair.near.name] });
  const sender = openFrameSender(pair.far);
  const one = sender.prepare([new Uint8Array(100).fill(2)]);
  const metronome = { on: true };
  // A packet every half millisecond: the file's first and last tell when capturing began and ended.
  const beating = (async (): Promise<void> => {
    for (let next = performance.now(); metronome.on; next += tick_ms) {
      one.send(1);
      while (performance.now() < next) await new Promise(setImmediate);
    }
  })();
  try {
    const bucket = await provedFileBucket(served);
    const full = { type: 'full', colo_name: 'lab01', destination_conf: bucket };
    const times = (id: string): readonly bigint[] =>
      parsePcap(deliveredFile(bucket, id)).packets.map(({ time }) => time);
    const armed: number[] = [];
    const stop: number[] = [];
    for (let run = 0; run < runs; run += 1) {
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
    yield figure('armed', 'p50_ms', percentile(armed, 0.5), 50);
    const timeLimit: number[] = [];
    for (let run = 0; run < runs; run += 1) {
      const { id } = await createCapture(served, { ...full, time_limit: 1 });
      await captureBecomes(served, id);
      const seen = times(id);
      timeLimit.push(late(seen.at(-1), (seen[0] ?? 0n) + 1000n * ms));
    }
    yield figure('time_limit', 'p99_ms', percentile(timeLimit, 0.99), 100);
    yield figure('stop', 'p99_ms', percentile(stop, 0.99), 200);
    metronome.on = false;
    await beating;
    yield* idle(served, full);
  } finally {
    metronome.on = false;
    await beating;
    sender.close();
    await served.remove();
    await pair.remove();
  }
}

/** The same with no packet to wake anybody: seen in the capture's status. */
async function* idle(served: Served, full: Readonly<Record<string, unknown>>): AsyncGenerator<Figure> {
  const [timeLimit, stop]: [number[], number[]] = [[], []];
  for (let run = 0; run < runs; run += 1) {
    const { id } = await createCapture(served, { ...full, time_limit: run % 2 === 0 ? 1 : 60 });
    await captureBecomes(served, id, ['running', 'conversion_pending', 'success']);
    const running = performance.now();
    if (run % 2 === 1) await stopCapture(served, id);
    while ((await showCapture(served, id)).status === 'running') await pause(2);
    if (run % 2 === 1) stop.push(performance.now() - running);
    else timeLimit.push(Math.abs(performance.now() - running - 1000));
    await captureBecomes(served, id);
  }
  yield figure('time_limit, idle', 'p99_ms', percentile(timeLimit, 0.99), 100);
  yield figure('stop, idle', 'p99_ms', percentile(stop, 0.99), 200);
}

function figure(name: string, unit: string, ours: number, goal: number): Figure {
  return alone({ bench: 'arm', case: name, unit, better: 'less', ours, goal });
}

/** Milliseconds by which a packet's time is off a moment, either way. */
function late(seen: bigint | undefined, moment: bigint): number {
  if (seen === undefined) throw new Error('a capture of a running metronome has no packets');
  return Math.abs(Number(seen - moment) / 1e6);
}

function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

function wallNs(): bigint {
  return BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000)) * 1000n;
}

async function pause(duration_ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, duration_ms));
}
