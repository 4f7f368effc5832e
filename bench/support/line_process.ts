import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { stop } from './stop.ts';

/** A child process that one talks with in lines: what it says on standard output, what it is told on standard input. */
export interface LineProcess {
  readonly pid: number;
  /** The next line; rejects when it ends first, with what it said on standard error. */
  read(): Promise<string>;
  tell(line: string): void;
  /** What it has said on standard error so far. */
  readonly said: string;
  /** Sends a signal, or closes its standard input, and waits for its end; resolves with what it said on standard error. */
  end(signal?: NodeJS.Signals): Promise<string>;
}

/**
 * Starts one, with a process group of its own: a signal reaches its children, too. `env` is added to this process's own. Throws where the benchmark
 * is being ended.
 */
export function startLines(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): LineProcess {
  stop.signal.throwIfAborted();
  const child = spawn(command, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
    env: { ...process.env, ...env },
  });
  const ended = once(child, 'close');
  ended.catch(() => undefined);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  // One that has ended hears nothing: `read` says so.
  child.stdin.on('error', () => undefined);
  const pid = pidOf(child, command);
  return {
    pid,
    async read() {
      const next = await lines.next();
      if (next.done === true) throw new Error(`${command} ended: ${said.trim()}`);
      return next.value;
    },
    get said() {
      return said;
    },
    tell: (line) => void child.stdin.write(`${line}\n`),
    async end(signal) {
      if (signal === undefined) child.stdin.end();
      else if (child.exitCode === null && child.signalCode === null) process.kill(-pid, signal);
      await ended;
      return said;
    },
  };
}

function pidOf(child: ChildProcess, command: string): number {
  if (child.pid === undefined) throw new Error(`${command} could not be started: is it installed?`);
  return child.pid;
}
