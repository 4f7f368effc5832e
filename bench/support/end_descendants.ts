import { setTimeout as pause } from 'node:timers/promises';
import { descendants, isAlive } from '../../test/support/process_tree.ts';

const poll_ms = 10;

/**
 * Asks all processes below this one to end, and waits until what started them has put away what it had (`done`), at most so long. Then kills
 * those that are still there, and waits until they are gone. Who starts others and dies of the signal leaves them to nobody: so all are listed
 * before the first gets it.
 */
export async function endDescendants(done: Promise<unknown>, patience_ms: number): Promise<void> {
  const asked = descendants(process.pid);
  for (const pid of asked) send(pid, 'SIGTERM');
  const tired = new Promise((resolve) => setTimeout(resolve, patience_ms));
  await Promise.race([done, tired]);
  const left = [...asked, ...descendants(process.pid)].filter(isAlive);
  for (const pid of left) send(pid, 'SIGKILL');
  while (left.some(isAlive)) await pause(poll_ms);
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // It has ended since it was listed.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
