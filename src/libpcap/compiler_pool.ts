import { type Fault, fault } from '../model/errors/fault.ts';
import { ok, type Result, refused } from '../model/result.ts';
import type { FilterTexts } from './compile_filter.ts';
import type { CompileRequest } from './compiler_child_messages.ts';
import { CompilerChild, type CompilerOutcome } from './compiler_child_process.ts';
import type { Program } from './program.ts';

/** What a filter is for one link type. */
export type Compiled =
  | { readonly kind: 'program'; readonly program: Program }
  /** The filter is right in itself, and no packet of this link type can match it. */
  | { readonly kind: 'excluded'; readonly reason: string };

/** What a filter is for one link type, without the program. */
export interface LinktypeCheck {
  readonly linktype: number;
  /** Why no packet of this link type can match; absent where packets can. */
  readonly excluded?: string;
}

/**
 * Compiles filters in processes of their own, which are killed when they take too long. The faults that come back are
 * `expression_syntax`, `expression_slow`, `expression_too_long`, `expression_compiler`, and those of opening an interface.
 */
export interface FilterCompiler {
  /**
   * Is the filter one that libpcap understands, is its program short enough, and which of these link types (LINKTYPE_ numbers) can
   * have packets for it? With `live` by the program of a live capture, which may be some instructions longer.
   */
  check(request: {
    readonly filter: FilterTexts;
    readonly linktypes: readonly number[];
    readonly live?: boolean;
  }): Promise<Result<readonly LinktypeCheck[]>>;
  /**
   * The program for packets of a link type: of files, or, with `live`, of a live capture. That one goes before the socket as it is
   * (with the prefixes of `program_prefix.ts`) and would be wrong for files.
   */
  compile(request: {
    readonly filter: FilterTexts;
    readonly linktype: number;
    readonly live?: boolean;
  }): Promise<Result<Compiled>>;
  /** Ends the processes; what is under way or waiting is refused with `expression_compiler`. */
  close(): Promise<void>;
}

/** How many filters are compiled at once, for how long, and how many wait. */
export interface FilterCompilerOptions {
  readonly child_count?: number;
  readonly limit_ms?: number;
  readonly queue_max?: number;
}

const ethernet = 1;
/** Filters that are kept compiled, some kilobytes each. */
const kept_max = 64;

interface Job {
  readonly request: CompileRequest;
  readonly settle: (outcome: CompilerOutcome) => void;
}

/** Starts the processes and returns at once; they are warm some 100 ms later. */
export function createFilterCompiler(options: FilterCompilerOptions = {}): FilterCompiler {
  const { child_count = 1, limit_ms = 2000, queue_max = 64 } = options;
  const children = Array.from({ length: child_count }, () => new CompilerChild());
  const idle = [...children];
  const waiting: Job[] = [];
  let closed = false;
  let last_id = 0;

  const serve = async (child: CompilerChild, first: Job): Promise<void> => {
    for (let job: Job | undefined = first; job !== undefined; job = waiting.shift()) {
      const outcome = await child.run(job.request);
      // Not the text's doing: another process may do it at once.
      job.settle(outcome.kind === 'starved' && !closed ? await child.run(job.request) : outcome);
    }
    idle.push(child);
  };
  const compiled = new Map<string, CompilerOutcome>();
  /** A capture of many interfaces asks for the same program for each of them, all at once. */
  const underway = new Map<string, Promise<CompilerOutcome>>();
  const runOnce = (key: string, request: Omit<CompileRequest, 'id' | 'limit_ms'>): Promise<CompilerOutcome> => {
    const same = underway.get(key);
    if (same !== undefined) return same;
    const running = runAnew(request).finally(() => underway.delete(key));
    underway.set(key, running);
    return running;
  };
  /** The same filter is the same program every time: what was compiled last is kept. */
  const run = async (request: Omit<CompileRequest, 'id' | 'limit_ms'>): Promise<CompilerOutcome> => {
    if (closed) return await runAnew(request);
    const { expression_text, any_tags_text, any_tags_parts, own_tags_text } = request.filter;
    const { linktypes, live } = request;
    const key = JSON.stringify([expression_text, any_tags_text, any_tags_parts, own_tags_text, linktypes, live]);
    const outcome = compiled.get(key) ?? (await runOnce(key, request));
    compiled.delete(key);
    if (outcome.kind === 'compiled') compiled.set(key, outcome);
    const [oldest] = compiled.keys();
    if (compiled.size > kept_max && oldest !== undefined) compiled.delete(oldest);
    return outcome;
  };
  const runAnew = (request: Omit<CompileRequest, 'id' | 'limit_ms'>): Promise<CompilerOutcome> =>
    new Promise((settle) => {
      last_id += 1;
      const job = { request: plain({ ...request, id: last_id, limit_ms }), settle };
      if (closed) return settle({ kind: 'ended', reason: 'it is closed' });
      const child = idle.pop();
      if (child !== undefined) return void serve(child, job);
      if (waiting.length >= queue_max) return settle({ kind: 'ended', reason: `${queue_max} filters wait already` });
      return void waiting.push(job);
    });

  for (const child of children) child.warm();
  return {
    check: async ({ filter, linktypes, live = false }) => {
      // Whatever it is for, the expression must be one.
      const outcome = await run({ filter, linktypes: linktypes.length === 0 ? [ethernet] : linktypes, live });
      const faults = faultsOf(outcome, filter, limit_ms);
      if (faults !== undefined) return refused(...faults);
      const results = outcome.kind === 'compiled' ? outcome.results : [];
      return ok(
        linktypes.map((linktype, index) => {
          const result = results[index];
          return result?.kind === 'excluded' ? { linktype, excluded: result.reason } : { linktype };
        }),
      );
    },
    compile: async ({ filter, linktype, live = false }) => {
      const outcome = await run({ filter, linktypes: [linktype], live });
      const faults = faultsOf(outcome, filter, limit_ms);
      if (faults !== undefined) return refused(...faults);
      const result = outcome.kind === 'compiled' ? outcome.results[0] : undefined;
      if (result === undefined || result.kind === 'fault') {
        return refused(fault('expression_compiler', { reason: 'it gave no answer' }));
      }
      return ok(result);
    },
    close: async () => {
      closed = true;
      for (const job of waiting.splice(0)) job.settle({ kind: 'ended', reason: 'it is closed' });
      await Promise.all(children.map((child) => child.close()));
    },
  };
}

/** Only what the process needs: callers hand in greater objects, of which not all can be sent. */
function plain({ id, limit_ms, filter, linktypes, live }: CompileRequest): CompileRequest {
  const { expression_text, any_tags_text, any_tags_parts, own_tags_text } = filter;
  const parts = any_tags_parts === undefined ? {} : { any_tags_parts };
  return { id, limit_ms, filter: { expression_text, any_tags_text, ...parts, own_tags_text }, linktypes, live };
}

/** What is wrong, as the user is told; undefined where nothing is. */
function faultsOf(
  outcome: CompilerOutcome,
  { expression_text }: FilterTexts,
  limit_ms: number,
): readonly [Fault, ...Fault[]] | undefined {
  const field = expression_text === '' ? 'filter_v1' : 'filter_expression';
  const one = (name: Parameters<typeof fault>[0], params: Record<string, string | number>): readonly [Fault] => [
    fault(name, { field, ...params }, `/${field}`),
  ];
  if (outcome.kind === 'slow') return one('expression_slow', { limit_s: limit_ms / 1000 });
  if (outcome.kind === 'ended' || outcome.kind === 'starved') {
    return [fault('expression_compiler', { reason: outcome.reason })];
  }
  if (outcome.kind === 'syntax') return one('expression_syntax', { reason: outcome.reason });
  const faults =
    outcome.kind === 'failed'
      ? outcome.faults
      : outcome.results.flatMap((result) => (result.kind === 'fault' ? [result.fault] : []));
  const [first, ...more] = faults;
  return first === undefined ? undefined : [first, ...more];
}
