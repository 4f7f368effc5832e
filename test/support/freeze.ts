import { readdirSync, readFileSync } from 'node:fs';
import { waitFor } from './wait_for.ts';

/** Stops processes where they are (SIGSTOP) and waits until every thread of them stands. Gives what lets them go on. */
export async function freeze(pids: readonly number[]): Promise<() => void> {
  for (const pid of pids) process.kill(pid, 'SIGSTOP');
  const goOn = (): void => {
    for (const pid of pids) process.kill(pid, 'SIGCONT');
  };
  await waitFor(() => pids.every(stands), { what: `${pids.join(', ')} to stand still`, every_ms: 1 }).catch(
    (error: unknown) => {
      goOn();
      throw error;
    },
  );
  return goOn;
}

function stands(pid: number): boolean {
  const threads = readdirSync(`/proc/${pid}/task`);
  return threads.every((thread) => /^State:\s+T/m.test(readFileSync(`/proc/${pid}/task/${thread}/status`, 'utf8')));
}
