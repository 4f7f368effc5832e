import { availableParallelism } from 'node:os';
import { type Fault, FaultError, fault } from '../model/errors/fault.ts';
import { FairTurns } from '../model/fair_turns.ts';
import { LimitCounts } from '../model/limit_counts.ts';
import { ok, type Result, refused } from '../model/result.ts';
import { limitFallbacks } from '../model/shared_limits.ts';
import type { FilterTexts } from './compile_filter.ts';
import type { CompileRequest } from './compiler_child_messages.ts';
import { CompilerChild, compiler_memory_bytes, type CompilerOutcome } from './compiler_child_process.ts';
import { type CompilerCommand, compilerCommand } from './compiler_command.ts';
import { CompilerChildren } from './compiler_children.ts';
import type { Program } from './program.ts';
import { RecentKeys } from './recent_keys.ts';

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
 * Compiles filters in processes of their own, which are killed when they take too long; a text that did is refused at once for a while. Owners
 * get their turns one after the other, whatever each has waiting; what has no owner shares one. The faults that come back are `expression_syntax`,
 * `expression_slow`, `expression_memory`, `expression_too_long`, `expression_compiler`, `share_used`, and those of opening an interface.
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
    readonly owner?: string;
  }): Promise<Result<readonly LinktypeCheck[]>>;
  /**
   * The program for packets of a link type: of files, or, with `live`, of a live capture. That one goes before the socket as it is
   * (with the prefixes of `program_prefix.ts`) and would be wrong for files.
   */
  compile(request: {
    readonly filter: FilterTexts;
    readonly linktype: number;
    readonly live?: boolean;
    readonly owner?: string;
  }): Promise<Result<Compiled>>;
  /** Ends the processes; what is under way or waiting is refused with `expression_compiler`. */
  close(): Promise<void>;
}

/** How many filters are compiled at once and wait, for how long each is, and when. */
export interface FilterCompilerOptions {
  /** `compilers` and `filters_waiting` count; what nobody has set by default. */
  readonly limits?: LimitCounts;
  /** Processors: there are no more processes than that. */
  readonly processors?: number;
  readonly limit_ms?: number;
  /** What a process may take beside what it begins with. */
  readonly memory_bytes?: number;
  /** Starts a process: the compiler's with so much memory by default. */
  readonly command?: CompilerCommand;
  /** Told once why the kernel does not keep the processes from files and the network, where it does not. */
  readonly warn?: (unconfined: Fault) => void;
  /** A process beside the first ends when it has had nothing to do for so long. */
  readonly idle_ms?: number;
  /** Milliseconds, monotonic. */
  readonly monotonic?: () => number;
}

type Order = Omit<CompileRequest, 'id' | 'limit_ms'>;

const ethernet = 1;
/** Filters that are kept compiled, some kilobytes each. */
const kept_max = 64;
/** How long a filter that took too long to compile is refused without another try, and how many such filters are remembered (about 100 bytes each). */
const slow_ms = 600_000;
const slow_max = 4096;

/** Starts a process and returns at once; it is warm some 100 ms later. */
export function createFilterCompiler(options: FilterCompilerOptions = {}): FilterCompiler {
  const { limit_ms = 2000, idle_ms = 10_000, monotonic = () => performance.now() } = options;
  const { memory_bytes = compiler_memory_bytes, command = compilerCommand(memory_bytes), warn = () => {} } = options;
  const { limits = new LimitCounts(limitFallbacks), processors = availableParallelism() } = options;
  const total = Math.min(limits.values.compilers, Math.max(1, processors));
  const { filters_waiting } = limits.values;
  // One account leaves a process to the others, where there are two.
  const turns = new FairTurns({ total, per_owner: Math.max(1, total - 1), waiting_per_owner: filters_waiting });
  limits.measure('compilers', () => turns.running);
  limits.measure('filters_waiting', () => turns.most_waiting);
  let warned = false;
  const unconfined = (reason: string): void => {
    if (!warned) warn(fault('compiler_unconfined', { reason }));
    warned = true;
  };
  const first = new CompilerChild({ command, unconfined });
  const children = new CompilerChildren(first, total, idle_ms, { command, unconfined });
  const closing = new AbortController();
  const compiled = new Map<string, CompilerOutcome>();
  const slow = new RecentKeys(slow_max, slow_ms, monotonic);
  /** A capture of many interfaces asks for the same program for each of them, all at once. */
  const underway = new Map<string, Promise<CompilerOutcome>>();
  let last_id = 0;

  const compileAnew = async (key: string, order: Order): Promise<CompilerOutcome> => {
    // Somebody else may have been quicker.
    const known = compiled.get(key);
    if (known !== undefined) return known;
    last_id += 1;
    const request = plain({ ...order, id: last_id, limit_ms });
    const outcome = await children.run(async (child) => {
      const once = await child.run(request);
      // Not the text's doing: another process may do it at once.
      if (once.kind === 'starved' && !closing.signal.aborted) return await child.run(request);
      // The first is there already, whatever keeps another from starting.
      return once.kind === 'unstarted' && child !== first ? await first.run(request) : once;
    });
    if (outcome.kind === 'slow') slow.add(key);
    return outcome;
  };
  const inTurn = async (owner: string, key: string, order: Order): Promise<CompilerOutcome> => {
    if (closing.signal.aborted) return { kind: 'ended', reason: 'it is closed' };
    const full = (): never => {
      throw new FaultError([limits.refuse('filters_waiting')]);
    };
    try {
      return await turns.take(owner, async () => await compileAnew(key, order), full, closing.signal);
    } catch (error) {
      if (closing.signal.aborted) return { kind: 'ended', reason: 'it is closed' };
      if (error instanceof FaultError) return { kind: 'failed', id: 0, faults: error.faults };
      throw error;
    }
  };
  const runOnce = (owner: string, key: string, order: Order): Promise<CompilerOutcome> => {
    // Of this owner alone: nobody is to wait in the queue of another.
    const own = `${owner} ${key}`;
    const same = underway.get(own);
    if (same !== undefined) return same;
    const running = inTurn(owner, key, order).finally(() => underway.delete(own));
    underway.set(own, running);
    return running;
  };
  /** The same filter is the same program every time, or too slow: what was compiled last is kept. */
  const run = async (owner: string, order: Order): Promise<CompilerOutcome> => {
    const { expression_text, any_tags_text, any_tags_parts, own_tags_text } = order.filter;
    const { linktypes, live } = order;
    const key = JSON.stringify([expression_text, any_tags_text, any_tags_parts, own_tags_text, linktypes, live]);
    if (closing.signal.aborted) return { kind: 'ended', reason: 'it is closed' };
    const known = compiled.get(key);
    if (known === undefined && slow.has(key)) return { kind: 'slow' };
    const outcome = known ?? (await runOnce(owner, key, order));
    compiled.delete(key);
    if (outcome.kind === 'compiled') compiled.set(key, outcome);
    const [oldest] = compiled.keys();
    if (compiled.size > kept_max && oldest !== undefined) compiled.delete(oldest);
    return outcome;
  };

  first.warm();
  return {
    check: async ({ filter, linktypes, live = false, owner = '' }) => {
      // Whatever it is for, the expression must be one.
      const outcome = await run(owner, { filter, linktypes: linktypes.length === 0 ? [ethernet] : linktypes, live });
      const faults = faultsOf(outcome, filter, { limit_ms, memory_bytes });
      if (faults !== undefined) return refused(...faults);
      const results = outcome.kind === 'compiled' ? outcome.results : [];
      return ok(
        linktypes.map((linktype, index) => {
          const result = results[index];
          return result?.kind === 'excluded' ? { linktype, excluded: result.reason } : { linktype };
        }),
      );
    },
    compile: async ({ filter, linktype, live = false, owner = '' }) => {
      const outcome = await run(owner, { filter, linktypes: [linktype], live });
      const faults = faultsOf(outcome, filter, { limit_ms, memory_bytes });
      if (faults !== undefined) return refused(...faults);
      const result = outcome.kind === 'compiled' ? outcome.results[0] : undefined;
      if (result === undefined || result.kind === 'fault') {
        return refused(fault('expression_compiler', { reason: 'it gave no answer' }));
      }
      return ok(result);
    },
    close: async () => {
      closing.abort(new Error('it is closed'));
      await children.close();
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
  { limit_ms, memory_bytes }: { readonly limit_ms: number; readonly memory_bytes: number },
): readonly [Fault, ...Fault[]] | undefined {
  const field = expression_text === '' ? 'filter_v1' : 'filter_expression';
  const one = (name: Parameters<typeof fault>[0], params: Record<string, string | number>): readonly [Fault] => [
    fault(name, { field, ...params }, `/${field}`),
  ];
  if (outcome.kind === 'slow') return one('expression_slow', { limit_s: limit_ms / 1000 });
  if (outcome.kind === 'exhausted') return one('expression_memory', { limit_mb: Math.floor(memory_bytes / 2 ** 20) });
  if (outcome.kind === 'ended' || outcome.kind === 'starved' || outcome.kind === 'unstarted') {
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
