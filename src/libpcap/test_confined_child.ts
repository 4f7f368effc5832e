import koffi from 'koffi';
import { loadLibpcap } from './binding.ts';
import { confineCompiler } from './compiler_child_confine.ts';

// Confines itself as the compiler does, and then tries what a compiler that somebody has taken over would.

const libc = koffi.load(null);
const number = (prototype: string): ((...args: readonly unknown[]) => number) => {
  const declared = libc.func(prototype);
  return (...args) => Number(declared(...args));
};
const open = number('int open(const char *path, int flags, int mode)');
const openat = number('int openat(int directory, const char *path, int flags, int mode)');
const socket = number('int socket(int domain, int type, int protocol)');
const socketpair = number('int socketpair(int domain, int type, int protocol, void *pair)');
const connect = number('int connect(int fd, const void *address, uint32_t bytes)');
const bind = number('int bind(int fd, const void *address, uint32_t bytes)');
const fork = number('int fork()');
const execve = number('int execve(const char *path, void *args, void *environment)');
const unlink = number('int unlink(const char *path)');
const rename = number('int rename(const char *from, const char *to)');
const mkdir = number('int mkdir(const char *path, int mode)');
const symlink = number('int symlink(const char *to, const char *path)');
const chmod = number('int chmod(const char *path, int mode)');
const truncate = number('int truncate(const char *path, long bytes)');
const stat = number('int access(const char *path, int mode)');
const kill = number('int kill(int pid, int signal)');
const tgkill = number('int tgkill(int pid, int thread, int signal)');
const ptrace = number('long ptrace(int request, int pid, void *address, void *data)');
const process_vm_readv = number(
  'long process_vm_readv(int pid, void *local, unsigned long locals, void *remote, unsigned long remotes, unsigned long flags)',
);
const memfd_create = number('int memfd_create(const char *name, unsigned int flags)');
const prctl = number('int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)');
const mount = number('int mount(const char *a, const char *b, const char *c, unsigned long flags, void *data)');
const setrlimit = number('int setrlimit(int resource, const void *limit)');
const setuid = number('int setuid(int user)');
const dup = number('int dup(int fd)');
const pipe = number('int pipe(void *pair)');
const syscall = number('long syscall(long number, long a, long b, long c, long d)');

const room = new Uint8Array(new ArrayBuffer(64));
const parent = process.ppid;
const attempts: Readonly<Record<string, () => number>> = {
  open: () => open('/etc/passwd', 0, 0),
  openat: () => openat(-100, '/tmp', 0, 0),
  openat2: () => syscall(437, -100, 0, 0, 0),
  socket: () => socket(1, 1, 0),
  packet_socket: () => socket(17, 3, 0),
  socketpair: () => socketpair(1, 1, 0, room),
  connect: () => connect(0, room, 16),
  bind: () => bind(0, room, 16),
  fork: () => fork(),
  clone3: () => syscall(435, 0, 0, 0, 0),
  execve: () => execve('/bin/true', null, null),
  unlink: () => unlink('/tmp/edgetap-is-not-there'),
  rename: () => rename('/tmp/edgetap-is-not-there', '/tmp/edgetap-is-not-there-2'),
  mkdir: () => mkdir('/tmp/edgetap-is-not-there/a', 0),
  symlink: () => symlink('/', '/tmp/edgetap-is-not-there/a'),
  chmod: () => chmod('/tmp/edgetap-is-not-there', 0),
  truncate: () => truncate('/tmp/edgetap-is-not-there', 0),
  access: () => stat('/etc/passwd', 0),
  kill: () => kill(parent, 0),
  tgkill: () => tgkill(parent, parent, 0),
  ptrace: () => ptrace(16, parent, null, null),
  process_vm_readv: () => process_vm_readv(parent, room, 0, room, 0, 0),
  memfd_create: () => memfd_create('a', 0),
  prctl: () => prctl(4, 1, 0, 0, 0),
  mount: () => mount('/', '/', 'none', 0, null),
  raised_limit: () => setrlimit(7, room),
  setuid: () => setuid(process.getuid?.() ?? 0),
  dup: () => dup(0),
  pipe: () => pipe(room),
  io_uring_setup: () => syscall(425, 1, 0, 0, 0),
  io_uring_enter: () => syscall(426, 0, 0, 0, 0),
  pidfd_getfd: () => syscall(438, 0, 0, 0, 0),
};

process.on('disconnect', () => process.exit(0));
loadLibpcap();
const { unconfined } = confineCompiler(2 ** 28);
// One whose calls are those of x32: seccomp ends the process.
process.on('message', () => void syscall(0x4000_0027, 0, 0, 0, 0));
process.send?.({
  unconfined,
  results: Object.entries(attempts).map(([name, attempt]) => {
    const result = attempt();
    return [name, result, koffi.errno()];
  }),
});
