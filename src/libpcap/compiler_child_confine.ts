import { readFileSync } from 'node:fs';
import koffi from 'koffi';
import { raise } from '../model/errors/fault.ts';
import { callFilter, callVerdicts } from './call_filter.ts';
import { installCallFilter, ownArchitecture } from './install_call_filter.ts';
import { errnoText } from './native_fault.ts';
import { type ProcessLimits, processLimits } from './process_limits.ts';
import type { SystemCall } from './system_calls.ts';

/**
 * The databases of nsswitch.conf(5) that libpcap could ask about a name, each with the only sources left to it. There is no
 * source `edgetap_none`, so nothing answers. (An empty list would be clearer, and crashes the C library.) Names of protocols, which libpcap
 * takes for the number 0 then, must be refused before: `ipProtocolName`.
 */
const databases = ['hosts', 'networks', 'services', 'ethers', 'protocols'] as const;
const no_source = 'edgetap_none';

/**
 * All system calls that the compiler makes once it is loaded: memory, threads that wait and are woken, the pipe to its parent, time, its own end. None makes a
 * descriptor, reaches a file, a socket or another process, or starts one.
 */
const working_calls: readonly SystemCall[] = [
  ...(['brk', 'madvise', 'mmap', 'mprotect', 'mremap', 'munmap'] as const),
  ...(['pkey_alloc', 'pkey_free', 'pkey_mprotect'] as const),
  ...(['futex', 'membarrier', 'rseq', 'sched_getaffinity', 'sched_getparam', 'sched_getscheduler'] as const),
  ...(['sched_yield', 'getpid', 'gettid', 'uname'] as const),
  ...(['epoll_ctl', 'epoll_pwait', 'epoll_pwait2', 'epoll_wait', 'read', 'recvmsg', 'write', 'writev'] as const),
  ...(['close', 'fcntl', 'fstat', 'fsync', 'lseek'] as const),
  ...(['alarm', 'clock_getres', 'clock_gettime', 'clock_nanosleep', 'getrandom', 'getrusage', 'nanosleep'] as const),
  ...(['setitimer', 'rt_sigaction', 'rt_sigprocmask', 'rt_sigreturn', 'restart_syscall', 'sigaltstack'] as const),
  ...(['exit', 'exit_group'] as const),
];

/** Limits that the compiler's process puts on itself. */
export interface Confinement {
  /** Why the kernel does not keep it from files and the network; undefined where it does. */
  readonly unconfined: string | undefined;
  /**
   * The kernel ends this process after so long, unless it is asked to again; 0 ends the waiting. Rounded up to seconds. In that time it may
   * have some seconds, and four times `processor_ms`, of processor time.
   */
  endAfter(ms: number, processor_ms: number): void;
}

/** Of processor time, beside what a request may take: what is between two requests, and rounding. */
const processor_grace_s = 4;
/** The compiler's own threads work, too. */
const processor_share = 4;

/**
 * Makes this process one that can do nothing but compile, whatever text libpcap is given and whoever takes it over. For good, so to be called in a process of
 * its own, once all is loaded that it needs.
 *
 * It cannot look up a host, network, port or protocol: neither a server nor a file is asked (`__nss_configure_lookup`, the GNU C library's own
 * way to override nsswitch.conf). It gets no descriptor any more and writes no core file (setrlimit(2)), has `memory_bytes` beside what it has now, and
 * makes no system calls but `working_calls`, in no thread (seccomp(2)): others fail with EPERM.
 *
 * @throws FaultError `native_call_failed` where the C library has no such call, or the kernel refuses one. A kernel without seccomp is told in
 * what comes back.
 */
export function confineCompiler(memory_bytes: number): Confinement {
  const program = koffi.load(null);
  let configure: (database: string, line: string) => number;
  let alarm: (seconds: number) => number;
  try {
    configure = program.func('int __nss_configure_lookup(const char *database, const char *line)');
    alarm = program.func('unsigned int alarm(unsigned int seconds)');
  } catch (cause) {
    return raise('native_call_failed', { call: '__nss_configure_lookup', reason: String(cause) }, { cause });
  }
  for (const database of databases) {
    if (configure(database, no_source) !== 0)
      raise('native_call_failed', { call: '__nss_configure_lookup', reason: database });
  }
  const limits = processLimits();
  const memory_max = dataBytes() + memory_bytes;
  limits.set('core', 0, 0);
  limits.set('nofile', 0, 0);
  limits.set('data', memory_max, memory_max);
  limitProcessorTime(limits, 0);
  return {
    unconfined: filterCalls(),
    endAfter: (ms, processor_ms) => {
      limitProcessorTime(limits, processor_ms);
      alarm(Math.ceil(ms / 1000));
    },
  };
}

/** SIGXCPU ends the process when it has had so much more than now. The limit counts its whole life. */
function limitProcessorTime(limits: ProcessLimits, processor_ms: number): void {
  const { user, system } = process.cpuUsage();
  const used_s = (user + system) / 1e6;
  limits.set('cpu', Math.ceil(used_s + (processor_ms * processor_share) / 1000) + processor_grace_s);
}

/** What RLIMIT_DATA counts, now. Source: proc_pid_status(5). */
function dataBytes(): number {
  const kib = /^VmData:\s*(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  return kib === undefined
    ? raise('native_call_failed', { call: 'read', reason: 'VmData is not in /proc/self/status' })
    : Number(kib) * 1024;
}

/** Undefined where it is done, else why this system cannot. */
function filterCalls(): string | undefined {
  const architecture = ownArchitecture();
  if (architecture === undefined) return `edgetap does not know the system calls of ${process.arch}`;
  const filter = callFilter(architecture, {
    calls: working_calls,
    conditions: [
      // The end by abort(3).
      { call: 'tgkill', arguments: [[0, process.pid]] },
      // Of itself, and RLIMIT_CPU only.
      {
        call: 'prlimit64',
        arguments: [
          [0, 0],
          [1, 0],
        ],
      },
    ],
    listed: callVerdicts.allow,
    others: callVerdicts.refuse,
  });
  const outcome = installCallFilter(filter, architecture);
  if (outcome.kind === 'installed') return undefined;
  if (outcome.kind === 'absent') return `seccomp: ${errnoText(outcome.errno)}`;
  if (outcome.kind === 'refused') {
    return raise('native_call_failed', { call: outcome.call, reason: errnoText(outcome.errno) });
  }
  return raise('native_call_failed', { call: 'seccomp', reason: `thread ${outcome.thread} cannot have the filter` });
}
