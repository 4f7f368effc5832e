import { fileURLToPath } from 'node:url';
import { callFilter, callVerdicts } from './call_filter.ts';
import { ownArchitecture } from './install_call_filter.ts';
import { encodeInstructions } from './program.ts';
import { callNumber } from './system_calls.ts';

/** What `fork` is given to start a compiler's process. */
export interface CompilerCommand {
  readonly program: string;
  readonly args: readonly string[];
}

const launch = fileURLToPath(new URL('./compiler_child_launch.mjs', import.meta.url));
const compiler = fileURLToPath(new URL('./compiler_child.ts', import.meta.url));

/**
 * The command of a compiler's process that may take so much memory beside what it begins with. Node first becomes one without io_uring
 * (`compiler_child_launch.mjs`): it opens rings for itself, and through such a ring files can be opened and sockets made that no filter
 * of system calls sees. Where they cannot be made Node does without.
 */
export function compilerCommand(memory_bytes: number): CompilerCommand {
  const architecture = ownArchitecture();
  // V8 is to collect its garbage before it asks for the last of the memory; libpcap takes up to 64 MB itself.
  const heap = `--max-old-space-size=${Math.max(1, Math.floor(memory_bytes / 2 ** 21))}`;
  const command = [heap, compiler, String(memory_bytes)];
  if (architecture === undefined) return { program: launch, args: ['', '', ...command] };
  const without_rings = callFilter(architecture, {
    calls: ['io_uring_setup', 'io_uring_enter', 'io_uring_register'],
    conditions: [],
    listed: callVerdicts.unknown,
    others: callVerdicts.allow,
  });
  const program = Buffer.from(encodeInstructions(without_rings)).toString('hex');
  return { program: launch, args: [String(callNumber('seccomp', architecture)), program, ...command] };
}
