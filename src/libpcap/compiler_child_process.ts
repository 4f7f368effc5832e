import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { CompileRequest, CompilerMessage } from './compiler_child_messages.ts';

/** How a request to the compiler's process ended. */
export type CompilerOutcome =
  | Extract<CompilerMessage, { readonly id: number }>
  /** It took too long and the process was killed. */
  | { readonly kind: 'slow' }
  /** The process could not be started, or ended under the request. */
  | { readonly kind: 'ended'; readonly reason: string };

const program = fileURLToPath(new URL('./compiler_child.ts', import.meta.url));
const start_limit_ms = 10_000;

/**
 * One compiler process after the other: kept warm, killed when a request takes too long, and started anew. Takes one
 * request at a time. The process gets none of this one's environment.
 */
export class CompilerChild {
  readonly #program: string;
  #started: Promise<ChildProcess | string> | undefined;
  #closed = false;

  constructor(child_program: string = program) {
    this.#program = child_program;
  }

  /** Starts the process, where there is none. */
  warm(): void {
    if (this.#closed || this.#started !== undefined) return;
    const started = start(this.#program, () => this.#forget(started));
    this.#started = started;
  }

  /** Asks the process; never rejects. */
  async run(request: CompileRequest): Promise<CompilerOutcome> {
    this.warm();
    const started = this.#started;
    const child = (await started) ?? 'it is closed';
    if (typeof child === 'string') {
      this.#forget(started);
      return { kind: 'ended', reason: child };
    }
    const outcome = await ask(child, request);
    if (outcome.kind === 'slow') {
      this.#forget(started);
      child.kill('SIGKILL');
      this.warm();
    }
    return outcome;
  }

  /** Ends the process; a request under way ends as `ended`. Resolves when the process is gone. */
  async close(): Promise<void> {
    this.#closed = true;
    const child = await this.#started;
    if (child === undefined || typeof child === 'string' || hasEnded(child)) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  /** The next request starts another process, unless that has happened already. */
  #forget(started: Promise<ChildProcess | string> | undefined): void {
    if (this.#started === started) this.#started = undefined;
  }
}

/** Resolves to the process once it is ready, or to the reason why there is none. */
async function start(child_program: string, ended: () => void): Promise<ChildProcess | string> {
  const child = fork(child_program, [], {
    env: {},
    execArgv: [],
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  // What goes wrong with a process is told by its end.
  child.on('error', () => {});
  const said = await hear(child, start_limit_ms, (message) => message.kind === 'ready' || message.kind === 'broken');
  if (said.kind === 'ready') {
    child.once('exit', ended);
    return child;
  }
  child.kill('SIGKILL');
  if (said.kind === 'slow') return `it did not start within ${start_limit_ms / 1000} s`;
  return 'reason' in said ? said.reason : 'it did not start';
}

async function ask(child: ChildProcess, request: CompileRequest): Promise<CompilerOutcome> {
  try {
    // Where it cannot be sent, the process has ended or is about to, and `hear` says so.
    child.send(request, () => {});
  } catch (error) {
    return { kind: 'ended', reason: String(error) };
  }
  const outcome = await hear(child, request.limit_ms, (message) => 'id' in message && message.id === request.id);
  return outcome.kind === 'ready' || outcome.kind === 'broken' ? { kind: 'ended', reason: outcome.kind } : outcome;
}

/** The first message that `wanted` picks, or how the waiting for it ended. */
function hear(
  child: ChildProcess,
  limit_ms: number,
  wanted: (message: CompilerMessage) => boolean,
): Promise<CompilerMessage | CompilerOutcome> {
  return new Promise((resolve) => {
    const settle = (outcome: CompilerMessage | CompilerOutcome): void => {
      clearTimeout(timer);
      child.off('message', onMessage).off('exit', onExit).off('error', onError);
      resolve(outcome);
    };
    const onMessage = (message: unknown): void => {
      const said = message as CompilerMessage;
      if (wanted(said)) settle(said);
    };
    const onExit = (code: number | null, signal: string | null): void => {
      settle({ kind: 'ended', reason: `it ended with ${signal ?? `exit code ${code}`}` });
    };
    const onError = (error: Error): void => settle({ kind: 'ended', reason: error.message });
    const timer = setTimeout(() => settle({ kind: 'slow' }), limit_ms);
    if (hasEnded(child)) onExit(child.exitCode, child.signalCode);
    else child.on('message', onMessage).on('exit', onExit).on('error', onError);
  });
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}
