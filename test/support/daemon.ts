import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';

import { waitFor } from './wait_for.ts';

/** A program that a test keeps running. */
export interface Daemon {
  readonly pid: number;
  /** Everything it has written so far, both streams. */
  output(): string;
  /** Is it running? */
  alive(): boolean;
  /** Ends it by a signal (SIGKILL by default) and waits until it is gone. Fine when it is gone already. */
  end(signal?: NodeJS.Signals): Promise<void>;
}

/** How to start it. */
export interface DaemonOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
}

/**
 * Starts a program that cannot outlive this process: the kernel kills it when the thread that called this is gone, however
 * that ended (prctl(2), PR_SET_PDEATHSIG).
 */
export async function startDaemon(
  program: string,
  args: readonly string[],
  options: DaemonOptions = {},
): Promise<Daemon> {
  // setpriv becomes the program, so that the pid is the program's own.
  const child: ChildProcess = spawn('setpriv', ['--pdeathsig', 'KILL', program, ...args], {
    ...options,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const chunks: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => chunks.push(chunk));
  const gone = once(child, 'exit');
  await once(child, 'spawn');
  const alive = (): boolean => child.exitCode === null && child.signalCode === null;
  // Until setpriv has given way to the program, the promise that it dies with this process does not hold.
  const begun = async (): Promise<boolean> =>
    !(await readFile(`/proc/${child.pid}/cmdline`, 'utf8')).startsWith('setpriv\0');
  await waitFor(async () => !alive() || (await begun()), { what: `${program} has begun`, every_ms: 2 });
  return {
    pid: child.pid ?? 0,
    output: () => Buffer.concat(chunks).toString(),
    alive,
    async end(signal = 'SIGKILL') {
      if (!alive()) return;
      child.kill(signal);
      await gone;
    },
  };
}
