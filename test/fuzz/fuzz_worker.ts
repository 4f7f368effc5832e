import { parentPort, workerData } from 'node:worker_threads';
import { fuzzRandom } from './fuzz_random.ts';
import { fuzzTargets } from './fuzz_target.ts';
import type { FuzzOrder, FuzzOutcome } from './run_fuzz.ts';

/** Tries case after case until the time is over, or one fails. */
function run({ target, seed, first, limit_ms, cases_min, current }: FuzzOrder): FuzzOutcome {
  const tried = new Int32Array(current);
  const attempt = fuzzTargets[target]();
  const began = performance.now();
  let [cases, slowest_ms] = [0, 0];
  for (let number = first; cases < cases_min || performance.now() - began < limit_ms; number++) {
    Atomics.store(tried, 0, number);
    const before = process.threadCpuUsage();
    try {
      attempt(fuzzRandom(seed, number));
    } catch (error) {
      return { cases, slowest_ms, failure: `case ${number}: ${textOf(error)}` };
    }
    const { user, system } = process.threadCpuUsage(before);
    slowest_ms = Math.max(slowest_ms, (user + system) / 1000);
    cases++;
  }
  return { cases, slowest_ms };
}

function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? `: ${error.cause.message}` : '';
  return `${String(error).slice(0, 4000)}${cause}`;
}

parentPort?.postMessage(run(workerData as FuzzOrder), []);
