import { totalmem } from 'node:os';

/** What a sensor's rings may take. */
export interface MemoryBudgets {
  readonly sample_bytes: number;
  readonly capture_bytes: number;
}

const default_most_bytes = 2 ** 31;

/** The memory that this process can have: the machine's, or what its control group allows. */
export function memoryOfHost(): number {
  const allowed = process.constrainedMemory();
  // 0 where nothing is known, and a number beyond all memory where there is no limit.
  return allowed > 0 ? Math.min(allowed, totalmem()) : totalmem();
}

/** Shares out what the setting says, or, without it, a quarter of the memory, at most 2 GiB. A quarter of that is for samples. */
export function memoryBudgets(setting_bytes: number | undefined, memory_bytes: number): MemoryBudgets {
  const all = setting_bytes ?? Math.min(default_most_bytes, Math.floor(memory_bytes / 4));
  const sample_bytes = Math.floor(all / 4);
  return { sample_bytes, capture_bytes: all - sample_bytes };
}
