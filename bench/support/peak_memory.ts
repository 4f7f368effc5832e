import { readFileSync } from 'node:fs';

/** The most resident memory that a process has had, in MB (proc_pid_status(5): VmHWM). */
export function peakMemory(pid: number): number {
  const kB = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
  if (kB === undefined) throw new Error(`process ${pid} does not say how much memory it has had`);
  return (Number(kB) * 1024) / 1e6;
}
