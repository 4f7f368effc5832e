import { defineConfig } from 'vitest/config';
import { worker_options } from './src/main/worker_options.ts';

const soak = Number(process.env['EDGETAP_SOAK'] ?? '1');

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts', 'tools/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 3,
    execArgv: [...worker_options],
    testTimeout: 30_000 * soak,
    hookTimeout: 60_000,
  },
}) as ReturnType<typeof defineConfig>;
