import { defineConfig } from 'vitest/config';
import { worker_options } from './src/main/worker_options.ts';

const soak = Number(process.env['EDGETAP_SOAK'] ?? '1');

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts', 'tools/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 3,
    execArgv: [...worker_options],
    // What a test waits for is an event; these limits are only there to end one that waits for ever, on the slowest machine too.
    testTimeout: 120_000 * Math.max(1, soak),
    hookTimeout: 240_000,
    expect: { poll: { timeout: 60_000 } },
  },
}) as ReturnType<typeof defineConfig>;
