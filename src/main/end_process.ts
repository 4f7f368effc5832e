import { setTimeout as delay } from 'node:timers/promises';
import { standardOutput } from './standard_output.ts';

const patience_ms = 1000;
const every_ms = 10;

/**
 * Exits now: nothing that is still open is waited for, least of all readers of the output. A write that hangs in the system would keep
 * even an exit from happening, so then the process kills itself.
 */
export async function endProcess(code: number): Promise<never> {
  const { out, err } = standardOutput();
  for (let left_ms = patience_ms; out.busy || err.busy; left_ms -= every_ms) {
    if (left_ms <= 0) process.kill(process.pid, 'SIGKILL');
    await delay(every_ms);
  }
  return process.exit(code);
}
