/**
 * The program of the compiler's process, started by `CompilerChild` by `compilerCommand`: compiles filters, one at a time, until its parent goes
 * away. libpcap can compute for minutes over a short text and cannot be stopped, so the process is made to be killed.
 */
import { setPriority } from 'node:os';
import { ipProtocolName } from '../filter/ip_protocol_name.ts';
import { type Fault, fault, FaultError } from '../model/errors/fault.ts';
import { type Libpcap, loadLibpcap } from './binding.ts';
import { compileAlone } from './compile_alone.ts';
import { type CompiledFilter, compileFilter, type FilterTexts } from './compile_filter.ts';
import { confineCompiler } from './compiler_child_confine.ts';
import type { CompileRequest, CompilerMessage } from './compiler_child_messages.ts';

/** A compilation may take so many times its limit, and so much longer, before the process ends by itself: its parent waits for one that is starved. */
const patience = 15;
const grace_ms = 2000;

function compile(request: CompileRequest, native: Libpcap): CompilerMessage {
  const { id, filter, linktypes, live } = request;
  const named = protocolNamed(filter);
  if (named !== undefined) return { kind: 'syntax', id, reason: `unknown ip proto '${named}'` };
  const alone = filter.expression_text === '' ? [] : compileAlone(filter.expression_text, linktypes, native);
  const results: CompiledFilter[] = [];
  for (const [index, linktype] of linktypes.entries()) {
    const by_itself = alone[index] ?? { kind: 'fine' };
    if (by_itself.kind === 'syntax') return { kind: 'syntax', id, reason: by_itself.reason };
    results.push(by_itself.kind === 'excluded' ? by_itself : compileFilter(filter, { linktype, live }, native));
  }
  return { kind: 'compiled', id, results };
}

/** The name of an IP protocol in one of the texts. libpcap would take it for the number 0, because it can ask nobody here. */
function protocolNamed({
  expression_text,
  any_tags_text,
  any_tags_parts,
  own_tags_text,
}: FilterTexts): string | undefined {
  const texts = [expression_text, ...(any_tags_parts ?? [any_tags_text]), own_tags_text];
  return texts.map((text) => ipProtocolName(text)).find((name) => name !== undefined);
}

function send(message: CompilerMessage): void {
  // The parent may have gone meanwhile; then there is nobody to tell.
  process.send?.(message, undefined, undefined, () => {});
}

/** Is it libpcap that got no memory? It says so where it says what is wrong with a text. */
function isExhausted(answer: CompilerMessage): boolean {
  const no_memory = /out of memory|cannot allocate memory/i;
  if (answer.kind === 'syntax') return no_memory.test(answer.reason);
  if (answer.kind !== 'compiled') return false;
  return answer.results.some((result) => result.kind === 'excluded' && no_memory.test(result.reason));
}

function faultsOf(error: unknown): readonly Fault[] {
  return error instanceof FaultError ? error.faults : [fault('expression_compiler', { reason: String(error) })];
}

function start(): void {
  // A terminal's Ctrl-C goes to the whole group; the parent decides.
  process.on('SIGINT', () => {});
  process.on('disconnect', () => process.exit(0));
  try {
    const native = loadLibpcap();
    // Captures and answers come first.
    setPriority(5);
    const confinement = confineCompiler(Number(process.argv[2]));
    const { unconfined } = confinement;
    process.on('message', (message) => {
      const request = message as CompileRequest;
      confinement.endAfter(request.limit_ms * patience + grace_ms, request.limit_ms);
      try {
        const answer = compile(request, native);
        send(isExhausted(answer) ? { kind: 'exhausted', id: request.id } : answer);
      } catch (error) {
        send({ kind: 'failed', id: request.id, faults: faultsOf(error) });
      } finally {
        confinement.endAfter(0, 0);
      }
    });
    send(unconfined === undefined ? { kind: 'ready' } : { kind: 'ready', unconfined });
  } catch (error) {
    send({ kind: 'broken', reason: error instanceof Error ? error.message : String(error) });
    process.disconnect?.();
  }
}

start();
