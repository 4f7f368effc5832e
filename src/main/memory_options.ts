/**
 * Options of Node that keep a process small. A sensor has six threads with a heap each, whose youngest part grows to 48 MB by
 * default for what is made and forgotten in a burst, such as a look-back's answer; with 3 MB it is collected sooner, for less at a time:
 * so little that to wake helpers for it takes longer than to do it.
 */
export const memory_options: readonly string[] = ['--max-semi-space-size=1', '--no-parallel-scavenge'];

/**
 * What the C library is told: by default eight times as many threads as there are processors keep freed memory to themselves, and the memory
 * of each large answer goes back to the kernel to be fetched anew, page by page, for the next.
 */
export const memory_environment: Readonly<Record<string, string>> = {
  MALLOC_ARENA_MAX: '2',
  MALLOC_MMAP_THRESHOLD_: String(4 << 20),
  MALLOC_TRIM_THRESHOLD_: String(16 << 20),
};
