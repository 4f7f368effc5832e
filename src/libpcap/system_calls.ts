/** Processors that edgetap runs on, as Node names them (`process.arch`). */
export type Architecture = 'x64' | 'arm64';

/** What the kernel calls them (AUDIT_ARCH_X86_64, AUDIT_ARCH_AARCH64, linux/audit.h). */
export const auditArchitectures: Readonly<Record<Architecture, number>> = { x64: 0xc000_003e, arm64: 0xc000_00b7 };

/** The newest system call that this table was made with (epoll_pwait2); the numbers from there on are the same everywhere. */
export const newest_call = 441;

/**
 * Numbers of system calls: x86-64's, and arm64's (asm/unistd_64.h, asm-generic/unistd.h), which has no `alarm` (its C library uses
 * setitimer) and no epoll_wait.
 */
const numbers = {
  brk: [12, 214],
  alarm: [37, undefined],
  clock_getres: [229, 114],
  clock_gettime: [228, 113],
  clock_nanosleep: [230, 115],
  close: [3, 57],
  epoll_ctl: [233, 21],
  epoll_pwait: [281, 22],
  epoll_pwait2: [441, 441],
  epoll_wait: [232, undefined],
  exit: [60, 93],
  exit_group: [231, 94],
  fcntl: [72, 25],
  fstat: [5, 80],
  fsync: [74, 82],
  futex: [202, 98],
  getpid: [39, 172],
  getrandom: [318, 278],
  getrusage: [98, 165],
  gettid: [186, 178],
  io_uring_enter: [426, 426],
  io_uring_register: [427, 427],
  io_uring_setup: [425, 425],
  lseek: [8, 62],
  madvise: [28, 233],
  membarrier: [324, 283],
  mmap: [9, 222],
  mprotect: [10, 226],
  mremap: [25, 216],
  munmap: [11, 215],
  nanosleep: [35, 101],
  pkey_alloc: [330, 289],
  pkey_free: [331, 290],
  pkey_mprotect: [329, 288],
  prlimit64: [302, 261],
  read: [0, 63],
  recvmsg: [47, 212],
  restart_syscall: [219, 128],
  rseq: [334, 293],
  rt_sigaction: [13, 134],
  rt_sigprocmask: [14, 135],
  rt_sigreturn: [15, 139],
  sched_getaffinity: [204, 123],
  sched_getparam: [143, 121],
  sched_getscheduler: [145, 120],
  sched_yield: [24, 124],
  seccomp: [317, 277],
  setitimer: [38, 103],
  sigaltstack: [131, 132],
  tgkill: [234, 131],
  uname: [63, 160],
  write: [1, 64],
  writev: [20, 66],
} as const satisfies Readonly<Record<string, readonly [x64: number | undefined, arm64: number | undefined]>>;

/** A system call that edgetap knows the number of. */
export type SystemCall = keyof typeof numbers;

/** All of them. */
export const systemCalls: readonly SystemCall[] = Object.keys(numbers) as SystemCall[];

/** The number of a system call; undefined where that processor has none such. */
export function callNumber(name: SystemCall, architecture: Architecture): number | undefined {
  return numbers[name][architecture === 'x64' ? 0 : 1];
}
