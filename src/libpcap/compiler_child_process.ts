import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { compilerCommand, type CompilerCommand } from './compiler_command.ts';
import { findSetpriv, processCapabilities, setpriv_nothing } from './process_capabilities.ts';
import { processTime } from './process_time.ts';
import { systemErrorText } from './system_error_text.ts';
import type { CompileRequest, CompilerMessage } from './compiler_child_messages.ts';

/** How a request to the compiler's process ended. */
export type CompilerOutcome =
  | Extract<CompilerMessage, { readonly id: number }>
  /** It took too much processor time and the process was killed. */
  | { readonly kind: 'slow' }
  /** The process stood still, or got no processor time, and was killed. */
  | { readonly kind: 'starved'; readonly reason: string }
  /** The process could not be started. */
  | { readonly kind: 'unstarted'; readonly reason: string }
  /** The process ended under the request, or can do no work at all. */
  | { readonly kind: 'ended'; readonly reason: string };

const start_limit_ms = 10_000;
/** One that is starting is given so many times its limit, while it gets this much processor time in each. */
const start_patience = 2;
const starting_ms_min = 100;
/** A process that gets no processor time is given so many times its limit by the clock on the wall. */
const patience = 15;
/** So much of its limit must have been its own doing for a text to be called slow. */
const own_share = 0.8;

/** How a compiler's process is started. */
export interface CompilerChildOptions {
  readonly command?: CompilerCommand;
  /** Told of each process that the kernel does not keep from files and the network, and why not. */
  readonly unconfined?: (reason: string) => void;
}

/** Four times what the texts take that are known to take most: 300 hosts of IPv6, 200 ranges of ports. */
export const compiler_memory_bytes: number = 256 * 2 ** 20;

/** A process, or why there is none. */
type Started = ChildProcess | Extract<CompilerOutcome, { readonly kind: 'unstarted' | 'ended' }>;

/**
 * One compiler process after the other: kept warm, killed when a request takes too long, and started anew. Requests are
 * done one after the other. The process gets none of this one's environment.
 */
export class CompilerChild {
  readonly #options: Required<CompilerChildOptions>;
  #started: Promise<Started> | undefined;
  /** The start that has come to its end well. */
  #ready: Promise<Started> | undefined;
  #closed = false;
  /** Settles when the last request so far is done. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: CompilerChildOptions = {}) {
    this.#options = { command: compilerCommand(compiler_memory_bytes), unconfined: () => {}, ...options };
  }

  /** Starts the process, where there is none. */
  warm(): void {
    if (this.#closed || this.#started !== undefined) return;
    const started = start(this.#options, () => this.#forget(started)).then((child) => {
      if (!('kind' in child)) this.#ready = started;
      return child;
    });
    this.#started = started;
  }

  /** Is the process there, so that a request need not wait for its start? */
  get ready(): boolean {
    return this.#ready !== undefined && this.#ready === this.#started;
  }

  /** Starts the process, where there is none. Resolves when it is ready, or cannot be started. */
  async started(): Promise<void> {
    this.warm();
    await this.#started;
  }

  /** Asks the process; never rejects. */
  run(request: CompileRequest): Promise<CompilerOutcome> {
    const outcome = this.#last.then(() => this.#run(request));
    this.#last = outcome;
    return outcome;
  }

  async #run(request: CompileRequest): Promise<CompilerOutcome> {
    this.warm();
    const started = this.#started;
    const child = (await started) ?? ({ kind: 'ended', reason: 'it is closed' } as const);
    if ('kind' in child) {
      this.#forget(started);
      return child;
    }
    const outcome = await ask(child, request);
    if (outcome.kind === 'slow' || outcome.kind === 'starved' || outcome.kind === 'exhausted') {
      this.#forget(started);
      child.kill('SIGKILL');
      this.warm();
    }
    return outcome;
  }

  /** Ends the process, which no request is to be under way in; the next request starts another. */
  async rest(): Promise<void> {
    const started = this.#started;
    this.#forget(started);
    const child = await started;
    if (child !== undefined && !('kind' in child)) child.kill('SIGKILL');
  }

  /** Ends the process; a request under way ends as `ended`. Resolves when the process is gone. */
  async close(): Promise<void> {
    this.#closed = true;
    const child = await this.#started;
    if (child === undefined || 'kind' in child || hasEnded(child)) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  /** The next request starts another process, unless that has happened already. */
  #forget(started: Promise<Started> | undefined): void {
    if (this.#started === started) this.#started = undefined;
  }
}

/** Resolves to the process once it is ready, or to the reason why there is none. */
async function start(options: Required<CompilerChildOptions>, ended: () => void): Promise<Started> {
  let child: ChildProcess;
  try {
    const [command = process.execPath, ...before] = withoutCapabilities();
    child = fork(options.command.program, options.command.args, {
      env: {},
      execPath: command,
      execArgv: before,
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
  } catch (error) {
    // Without a descriptor or a process more.
    return unstarted(systemErrorText(error));
  }
  // What goes wrong with a process is told by its end.
  child.on('error', () => {});
  const said = await hearStarting(child);
  if (said.kind === 'ready') {
    child.once('exit', ended);
    if (said.unconfined !== undefined) options.unconfined(said.unconfined);
    return child;
  }
  child.kill('SIGKILL');
  if (said.kind === 'broken') return { kind: 'ended', reason: said.reason };
  return unstarted('reason' in said ? said.reason : 'it did not start');
}

/** The command that becomes Node without the capabilities of this process, where that can be; see `setprivOptions`. */
function withoutCapabilities(): readonly string[] {
  const { permitted, no_new_privileges } = processCapabilities();
  const setpriv = permitted !== 0n && no_new_privileges ? findSetpriv() : undefined;
  return setpriv === undefined ? [] : [setpriv, ...setpriv_nothing, process.execPath];
}

/** A process that gets processor time is on its way: a busy machine takes longer. */
async function hearStarting(child: ChildProcess): Promise<CompilerMessage | CompilerOutcome> {
  const { pid = 0 } = child;
  let used_ms = 0;
  for (let waited = 1; ; waited += 1) {
    const outcome = await hear(child, start_limit_ms, ({ kind }) => kind === 'ready' || kind === 'broken');
    if (outcome.kind !== 'slow') return outcome;
    const now = processTime(pid);
    if (now?.stopped === true) return { kind: 'starved', reason: 'it was stopped by a signal' };
    const before = used_ms;
    used_ms = now?.used_ms ?? before;
    if (waited < start_patience && used_ms - before >= starting_ms_min) continue;
    const [used_s, waited_s] = [(used_ms / 1000).toFixed(2), (start_limit_ms * waited) / 1000];
    const reason = `in ${waited_s} s it got ${used_s} s of processor time and was not ready: the machine, or what edgetap may use of it, is overloaded`;
    return { kind: 'starved', reason };
  }
}

function unstarted(why: string): Started {
  const reason = `its process did not start: ${why}. Where edgetap may have few processes and threads (TasksMax, pids.max, ulimit -u), open files (LimitNOFILE, ulimit -n) or little memory, raise that`;
  return { kind: 'unstarted', reason };
}

async function ask(child: ChildProcess, request: CompileRequest): Promise<CompilerOutcome> {
  try {
    // Where it cannot be sent, the process has ended or is about to, and `hear` says so.
    child.send(request, () => {});
  } catch (error) {
    return { kind: 'ended', reason: String(error) };
  }
  const answers = (message: CompilerMessage): boolean => 'id' in message && message.id === request.id;
  const outcome = await hearWorking(child, request.limit_ms, answers);
  if (outcome.kind === 'ready' || outcome.kind === 'broken') return { kind: 'ended', reason: outcome.kind };
  if (child.signalCode === 'SIGXCPU') return { kind: 'slow' };
  // V8 and the C++ library end so where they get no more memory.
  return child.signalCode === 'SIGABRT' ? { kind: 'exhausted', id: request.id } : outcome;
}

/**
 * The first message that `wanted` picks. A process that has not had the limit in processor time is waited for longer: whatever it
 * is, it is not the text. One that stands still is not.
 */
async function hearWorking(
  child: ChildProcess,
  limit_ms: number,
  wanted: (message: CompilerMessage) => boolean,
): Promise<CompilerMessage | CompilerOutcome> {
  const { pid = 0 } = child;
  const before = processTime(pid)?.used_ms ?? 0;
  let used_ms = 0;
  for (let waited = 1; waited <= patience; waited += 1) {
    const outcome = await hear(child, limit_ms, wanted);
    if (outcome.kind !== 'slow') return outcome;
    const now = processTime(pid);
    used_ms = (now?.used_ms ?? before) - before;
    if (now?.stopped === true) return { kind: 'starved', reason: 'its process was stopped by a signal' };
    if (used_ms >= limit_ms * own_share) return { kind: 'slow' };
  }
  const [used_s, waited_s] = [(used_ms / 1000).toFixed(2), (limit_ms * patience) / 1000];
  return {
    kind: 'starved',
    reason: `its process got ${used_s} s of processor time in ${waited_s} s: the machine, or what edgetap may use of it, is overloaded`,
  };
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
    const onError = (error: Error): void => settle({ kind: 'ended', reason: systemErrorText(error) });
    const timer = setTimeout(() => settle({ kind: 'slow' }), limit_ms);
    if (hasEnded(child)) onExit(child.exitCode, child.signalCode);
    else child.on('message', onMessage).on('exit', onExit).on('error', onError);
  });
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}
