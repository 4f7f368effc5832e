/**
 * The program of the compiler's process, started by `CompilerChild`: compiles filters, one at a time, until its parent goes
 * away. libpcap can compute for minutes over a short text and cannot be stopped, so the process is made to be killed.
 */
import { fault, FaultError } from '../model/errors/fault.ts';
import { type Libpcap, loadLibpcap } from './binding.ts';
import { compileAlone } from './compile_alone.ts';
import { type CompiledFilter, compileFilter } from './compile_filter.ts';
import { confineCompiler } from './compiler_child_confine.ts';
import type { CompileRequest, CompilerMessage } from './compiler_child_messages.ts';

/** A compilation may take so many times its limit, and so much longer, before the process ends by itself: its parent waits for one that is starved. */
const patience = 15;
const grace_ms = 2000;

function compile(request: CompileRequest, native: Libpcap): CompilerMessage {
  const { id, filter, linktypes, live } = request;
  const alone = filter.expression_text === '' ? [] : compileAlone(filter.expression_text, linktypes, native);
  const results: CompiledFilter[] = [];
  for (const [index, linktype] of linktypes.entries()) {
    const by_itself = alone[index] ?? { kind: 'fine' };
    if (by_itself.kind === 'syntax') return { kind: 'syntax', id, reason: by_itself.reason };
    results.push(by_itself.kind === 'excluded' ? by_itself : compileFilter(filter, { linktype, live }, native));
  }
  return { kind: 'compiled', id, results };
}

function send(message: CompilerMessage): void {
  // The parent may have gone meanwhile; then there is nobody to tell.
  process.send?.(message, undefined, undefined, () => {});
}

function start(): void {
  // A terminal's Ctrl-C goes to the whole group; the parent decides.
  process.on('SIGINT', () => {});
  process.on('disconnect', () => process.exit(0));
  try {
    const native = loadLibpcap();
    const confinement = confineCompiler();
    process.on('message', (message) => {
      const request = message as CompileRequest;
      confinement.endAfter(request.limit_ms * patience + grace_ms);
      try {
        send(compile(request, native));
      } catch (error) {
        const faults =
          error instanceof FaultError ? error.faults : [fault('expression_compiler', { reason: String(error) })];
        send({ kind: 'failed', id: request.id, faults });
      } finally {
        confinement.endAfter(0);
      }
    });
    send({ kind: 'ready' });
  } catch (error) {
    send({ kind: 'broken', reason: error instanceof Error ? error.message : String(error) });
    process.disconnect?.();
  }
}

start();
