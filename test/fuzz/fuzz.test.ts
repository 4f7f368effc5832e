import { expect, test } from 'vitest';
import { testSeed } from '../support/test_seed.ts';
import { runFuzz } from './run_fuzz.ts';
import { soak } from '../support/soak.ts';

const seed = testSeed('fuzz');
/** Case by case a run is repeated by its seed; a single one by EDGETAP_CASE. */
const first = Number(process.env['EDGETAP_CASE'] ?? '0');

/** What a case may take of a processor, as a multiple of work that is always the same: far more than any does, and far less than one that grows with its square. */
const yardsticks_max = 20;

test.each(['headers', 'readers', 'filters'] as const)(
  'any %s at all: nothing is thrown that is not a fault, nothing is read outside, nothing goes on for ever',
  async (target) => {
    const outcome = await runFuzz({ target, seed, first, limit_ms: 18_000 * soak, cases_min: 300 });
    const slowest = `the slowest ${(outcome.slowest_ms / outcome.yardstick_ms).toFixed(2)} of ${outcome.yardstick_ms.toFixed(0)} ms`;
    process.stdout.write(`fuzz ${target}: ${outcome.cases} cases, ${slowest}\n`);
    expect({ seed, failure: outcome.failure }).toEqual({ seed, failure: undefined });
    expect(outcome.slowest_ms).toBeLessThan(yardsticks_max * outcome.yardstick_ms);
  },
  120_000 * Math.max(1, soak),
);
