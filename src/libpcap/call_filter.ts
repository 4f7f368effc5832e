import { assemble, type Line } from './assemble.ts';
import { accept, codes, type Instruction } from './program.ts';
import { type Architecture, auditArchitectures, callNumber, newest_call, type SystemCall } from './system_calls.ts';

/** What the kernel does at a system call (linux/seccomp.h). */
export const callVerdicts = {
  allow: 0x7fff_0000,
  /** The process ends with SIGSYS, all its threads at once. */
  kill: 0x8000_0000,
  /** The call fails: EPERM. */
  refuse: 0x0005_0001,
  /** The call fails as on a kernel that has none such: ENOSYS. */
  unknown: 0x0005_0026,
} as const;

/** A call that is allowed only with this number as one of its arguments (0 to 5), in all 64 bits. */
export interface CallCondition {
  readonly call: SystemCall;
  readonly arguments: readonly (readonly [index: number, value: number])[];
}

/** Calls, and what becomes of all others. */
export interface CallRules {
  readonly calls: readonly SystemCall[];
  readonly conditions: readonly CallCondition[];
  readonly listed: number;
  readonly others: number;
}

/** Offsets in `struct seccomp_data`. */
const data = { number: 0, architecture: 4, arguments: 16 } as const;
/** Calls of the x32 ABI, which the kernel takes for those of x86-64, have this bit (__X32_SYSCALL_BIT). */
const x32_bit = 0x4000_0000;

/**
 * Writes the program of the classic BPF machine that seccomp(2) runs before every system call of a thread. Whoever comes with the
 * calls of another processor (i386's under x86-64, x32's) is killed: their numbers mean something else.
 */
export function callFilter(architecture: Architecture, rules: CallRules): readonly Instruction[] {
  const named = rules.calls.flatMap((name) => callNumber(name, architecture) ?? []);
  const lines: Line[] = [
    { code: codes.load_word, k: data.architecture },
    { code: codes.jump_if_equal, k: auditArchitectures[architecture], no: 'kill' },
    { code: codes.load_word, k: data.number },
    { code: codes.jump_if_at_least, k: x32_bit, yes: 'kill' },
    ...named.map((k): Line => ({ code: codes.jump_if_equal, k, yes: 'listed' })),
    ...rules.conditions.flatMap((condition) => conditionLines(condition, architecture)),
    // A call that was not there yet: what asks for it has a way without.
    { code: codes.jump_if_greater, k: newest_call, yes: 'unknown' },
    { code: codes.jump, to: 'others' },
    { label: 'listed' },
    accept(rules.listed),
    { label: 'unknown' },
    accept(rules.others === callVerdicts.allow ? rules.others : callVerdicts.unknown),
    { label: 'others' },
    accept(rules.others),
    { label: 'kill' },
    accept(callVerdicts.kill),
  ];
  return assemble(lines);
}

function conditionLines(condition: CallCondition, architecture: Architecture): readonly Line[] {
  const number = callNumber(condition.call, architecture);
  if (number === undefined) return [];
  const behind = `behind ${condition.call}`;
  return [
    { code: codes.jump_if_equal, k: number, no: behind },
    ...condition.arguments.flatMap(([index, value]): readonly Line[] => [
      { code: codes.load_word, k: data.arguments + 8 * index },
      { code: codes.jump_if_equal, k: value, no: 'others' },
      { code: codes.load_word, k: data.arguments + 8 * index + 4 },
      { code: codes.jump_if_equal, k: 0, no: 'others' },
    ]),
    { code: codes.jump, to: 'listed' },
    { label: behind },
  ];
}
