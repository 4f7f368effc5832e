import { readFileSync } from 'node:fs';

/** Reads a file; undefined where it cannot be read. */
export type ReadFile = (path: string) => string | undefined;

/**
 * How many processes the kernel has killed because memory ran out: in this process's own control group where that counts them, else on the
 * whole machine; undefined where nobody says. Source: cgroup v2's memory.events, v1's memory.oom_control, /proc/vmstat.
 */
export function oomKills(read: ReadFile = readQuietly): number | undefined {
  const groups = read('/proc/self/cgroup') ?? '';
  const [, v2] = /^0::(\S+)$/m.exec(groups) ?? [];
  const [, v1] = /^\d+:(?:\w+,)*memory(?:,\w+)*:(\S+)$/m.exec(groups) ?? [];
  const files = [
    ...(v2 === undefined ? [] : [`/sys/fs/cgroup${v2}/memory.events`]),
    ...(v1 === undefined
      ? []
      : [`/sys/fs/cgroup/memory${v1}/memory.oom_control`, '/sys/fs/cgroup/memory/memory.oom_control']),
    '/proc/vmstat',
  ];
  for (const file of files) {
    const count = /^oom_kill (\d+)$/m.exec(read(file) ?? '')?.[1];
    if (count !== undefined) return Number(count);
  }
  return undefined;
}

/** How a process ended, in words; `before` is what `oomKills` said when it was started. */
export function endText(
  code: number | null,
  signal: string | null,
  before: number | undefined,
  after: number | undefined,
): string {
  if (signal === null) return `exit code ${code}`;
  if (signal === 'SIGKILL' && before !== undefined && after !== undefined && after > before) {
    return 'SIGKILL, by the kernel, because memory ran out (OOM killer): give edgetap more memory, or less to do';
  }
  return signal;
}

function readQuietly(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
