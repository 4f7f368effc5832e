import { parentPort, workerData } from 'node:worker_threads';
import { fuzzRandom } from './fuzz_random.ts';
import { fuzzTargets } from './fuzz_target.ts';
import type { FuzzOrder, FuzzOutcome } from './run_fuzz.ts';

/** Tries case after case until the time is over, or one fails. */
function run({ target, seed, first, limit_ms, cases_min, current }: FuzzOrder): FuzzOutcome {
  const tried = new Int32Array(current);
  const attempt = fuzzTargets[target]();
  const yardstick_ms = processorMs(fixedWork);
  const began = performance.now();
  let [cases, slowest_ms] = [0, 0];
  for (let number = first; cases < cases_min || performance.now() - began < limit_ms; number++) {
    Atomics.store(tried, 0, number);
    try {
      slowest_ms = Math.max(
        slowest_ms,
        processorMs(() => attempt(fuzzRandom(seed, number))),
      );
    } catch (error) {
      return { cases, slowest_ms, yardstick_ms, failure: `case ${number}: ${textOf(error)}` };
    }
    cases++;
  }
  return { cases, slowest_ms, yardstick_ms };
}

/** What some work takes of a processor, others that wait for it left out. */
function processorMs(work: () => unknown): number {
  const before = process.threadCpuUsage();
  work();
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / 1000;
}

/** About a tenth of a second on a processor of 2024. */
function fixedWork(): number {
  let mixed = 1;
  for (let round = 0; round < 100_000_000; round += 1) mixed = Math.imul(mixed ^ round, 0x9e3779b1);
  return mixed;
}

function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? `: ${error.cause.message}` : '';
  return `${String(error).slice(0, 4000)}${cause}`;
}

parentPort?.postMessage(run(workerData as FuzzOrder), []);
