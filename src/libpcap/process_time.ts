import { readFileSync } from 'node:fs';

/** What a process has been doing. */
export interface ProcessTime {
  /** Processor time that it has had since it began, all threads together, in milliseconds. */
  readonly used_ms: number;
  /** It stands still on a signal (SIGSTOP) or under a debugger. */
  readonly stopped: boolean;
}

/** The unit of times in /proc/PID/stat: USER_HZ, which is 100 for every program on Linux. */
const tick_ms = 10;

/** Reads how much processor time a process has had; undefined where it is gone or cannot be seen. Source: proc_pid_stat(5). */
export function processTime(pid: number): ProcessTime | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return undefined;
  }
  // The name before it is in parentheses, and may have any in it.
  const [state = '', ...fields] = text.slice(text.lastIndexOf(')') + 2).split(' ');
  // Fields 14 and 15, counted from 1; the state is the third.
  const [user, system] = [Number(fields[10]), Number(fields[11])];
  return { used_ms: (user + system) * tick_ms, stopped: state === 'T' || state === 't' };
}
