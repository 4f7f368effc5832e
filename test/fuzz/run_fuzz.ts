import { Worker } from 'node:worker_threads';
import type { fuzzTargets } from './fuzz_target.ts';

/** What a worker is to try. */
export interface FuzzOrder {
  readonly target: keyof typeof fuzzTargets;
  readonly seed: number;
  /** Number of the first case. */
  readonly first: number;
  /** How long it goes on, and how many cases it tries at least. */
  readonly limit_ms: number;
  readonly cases_min: number;
  /** One 32-bit word: the case that is being tried. */
  readonly current: SharedArrayBuffer;
}

/** What came of it. */
export interface FuzzOutcome {
  readonly cases: number;
  /** Processor time of the slowest case. */
  readonly slowest_ms: number;
  /** Processor time of work that is always the same: how fast this machine is. */
  readonly yardstick_ms: number;
  /** The first case that failed, and why. */
  readonly failure?: string;
}

/** A case that takes longer does not end. */
const stuck_ms = 80_000;

/** Fuzzes in a thread of its own, which is ended where a case does not end by itself. */
export async function runFuzz(order: Omit<FuzzOrder, 'current'>): Promise<FuzzOutcome> {
  const current = new SharedArrayBuffer(4);
  const workerData = { ...order, current } satisfies FuzzOrder;
  // Memory without an end is the thread's end, and not the machine's.
  const resourceLimits = { maxOldGenerationSizeMb: 512 };
  const worker = new Worker(new URL('./fuzz_worker.ts', import.meta.url), { workerData, execArgv: [], resourceLimits });
  let watch: NodeJS.Timeout | undefined;
  try {
    return await new Promise<FuzzOutcome>((resolve, reject) => {
      const tried = new Int32Array(current);
      let seen = { number: -1, at: performance.now() };
      watch = setInterval(() => {
        const number = Atomics.load(tried, 0);
        if (number !== seen.number) seen = { number, at: performance.now() };
        else if (performance.now() - seen.at > stuck_ms) reject(new Error(`case ${number} does not end`));
      }, 250);
      worker.on('message', resolve);
      worker.on('error', reject);
      worker.on('exit', () => reject(new Error('the worker ended')));
    });
  } finally {
    clearInterval(watch);
    await worker.terminate();
  }
}
