import { setTimeout as pause } from 'node:timers/promises';
import { descendants, isAlive } from '../../test/support/process_tree.ts';

const poll_ms = 10;

/**
 * Asks all processes below this one to end, and waits for `done`, the end of what started them, for `patience_ms` at most. Then kills those that
 * are left, and waits as long again for the system to remove them. All are listed before the first signal: when a process dies of it, its
 * children lose their parent and could no longer be found.
 */
export async function endDescendants(done: Promise<unknown>, patience_ms: number): Promise<void> {
  const asked = descendants(process.pid);
  for (const pid of asked) send(pid, 'SIGTERM');
  const tired = new Promise((resolve) => setTimeout(resolve, patience_ms));
  await Promise.race([done, tired]);
  const left = [...asked, ...descendants(process.pid)].filter(isAlive);
  for (const pid of left) send(pid, 'SIGKILL');
  const until = performance.now() + patience_ms;
  while (left.some(isAlive) && performance.now() < until) await pause(poll_ms);
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // It has ended since it was listed.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
