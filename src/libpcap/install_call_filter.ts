import koffi from 'koffi';
import { addressOf, lastErrno, nativeBytes } from './native_bytes.ts';
import { encodeInstructions, type Instruction } from './program.ts';
import { type Architecture, callNumber } from './system_calls.ts';

// linux/prctl.h, linux/seccomp.h
const pr_set_no_new_privs = 38;
const seccomp_set_mode_filter = 1;
const seccomp_filter_flag_tsync = 1;
const program_bytes = 16;
/** What a kernel without seccomp, or without its filters, says: ENOSYS, EINVAL. */
const absent: readonly number[] = [38, 22];

/** What the kernel said to a filter. */
export type CallFilterOutcome =
  | { readonly kind: 'installed' }
  /** This kernel has no such filters. */
  | { readonly kind: 'absent'; readonly errno: number }
  | { readonly kind: 'refused'; readonly call: 'prctl' | 'seccomp'; readonly errno: number }
  /** A thread has filters that the one before it has not. */
  | { readonly kind: 'apart'; readonly thread: number };

/** Node's name of the processor, where edgetap knows the system calls of that. */
export function ownArchitecture(arch: string = process.arch): Architecture | undefined {
  return arch === 'x64' || arch === 'arm64' ? arch : undefined;
}

/**
 * Puts a filter before all system calls of all threads of this process, and of all programs that it becomes: for good (seccomp(2)). None of them
 * gets new privileges any more.
 *
 * @throws Error where the C library has no such calls
 */
export function installCallFilter(instructions: readonly Instruction[], architecture: Architecture): CallFilterOutcome {
  const libc = koffi.load(null);
  const prctl = libc.func('int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)');
  const syscall = libc.func('long syscall(long number, ...)');
  if (prctl(pr_set_no_new_privs, 1, 0, 0, 0) !== 0) return { kind: 'refused', call: 'prctl', errno: lastErrno() };
  // struct sock_fprog, the instructions behind it: see `attachSocketFilter`.
  const code = encodeInstructions(instructions);
  const program = nativeBytes(program_bytes + code.length);
  program.set(code, program_bytes);
  const view = new DataView(program.buffer);
  view.setUint16(0, instructions.length, true);
  view.setBigUint64(8, addressOf(program) + BigInt(program_bytes), true);
  const result = Number(
    syscall(
      callNumber('seccomp', architecture),
      'unsigned int',
      seccomp_set_mode_filter,
      'unsigned int',
      seccomp_filter_flag_tsync,
      'void *',
      program,
    ),
  );
  const errno = lastErrno();
  if (result === 0) return { kind: 'installed' };
  if (result > 0) return { kind: 'apart', thread: result };
  return absent.includes(errno) ? { kind: 'absent', errno } : { kind: 'refused', call: 'seccomp', errno };
}
