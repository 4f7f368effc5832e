import { memory_options } from '../../src/main/memory_options.ts';
import { worker_options } from '../../src/main/worker_options.ts';

/** What a process whose part is measured is started with, as a sensor is. */
export const sensor_options: readonly string[] = [...worker_options, ...memory_options];
