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
      const cause = error instanceof Error && error.cause !== undefined ? `: ${String(error.cause)}` : '';
      return { cases, slowest_ms, failure: `case ${number}: ${String(error).slice(0, 4000)}${cause}` };
    }
    const { user, system } = process.threadCpuUsage(before);
    slowest_ms = Math.max(slowest_ms, (user + system) / 1000);
    cases++;
  }
  return { cases, slowest_ms };
}

parentPort?.postMessage(run(workerData as FuzzOrder));
