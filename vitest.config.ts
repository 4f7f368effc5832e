import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { worker_options } from './src/main/worker_options.ts';

const several_parts = join(import.meta.dirname, 'test');
const soak = Number(process.env['EDGETAP_SOAK'] ?? '1');

/** Tests of several parts take longest: they begin first, and what is short fills the time at the end. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const ofSeveralParts = ({ moduleId }: TestSpecification): boolean => moduleId.startsWith(`${several_parts}/`);
    return [...sorted.filter(ofSeveralParts), ...sorted.filter((file) => !ofSeveralParts(file))];
  }
}

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts', 'tools/**/*.test.ts'],
    pool: 'forks',
    // More than processors: many tests wait most of the time, for what the product waits for.
    maxWorkers: 5,
    sequence: { sequencer: LongestFirst },
    execArgv: [...worker_options],
    // What a test waits for is an event; these limits are only there to end one that waits for ever, on the slowest machine too.
    testTimeout: 900_000 * Math.max(1, soak),
    hookTimeout: 600_000,
    expect: { poll: { timeout: 300_000 } },
  },
}) as ReturnType<typeof defineConfig>;
