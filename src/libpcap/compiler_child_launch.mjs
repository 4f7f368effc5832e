// Becomes the compiler's process, which so begins behind the filter of system calls that `compilerCommand` has handed in. JavaScript, because
// Node takes longer to make ready for TypeScript than for all the rest here.
import koffi from 'koffi';

const [call = '', program = '', ...command] = process.argv.slice(2);
/** Where `fork` puts the pipe to the parent: behind the three standard streams. */
const pipe_descriptor = 3;
// linux/prctl.h, linux/seccomp.h, fcntl.h
const pr_set_no_new_privs = 38;
const seccomp_set_mode_filter = 1;
const seccomp_filter_flag_tsync = 1;
const f_setfd = 2;
const program_bytes = 16;
/** ENOSYS, EINVAL */
const absent = [38, 22];

const libc = koffi.load(null);
if (call !== '') {
  const prctl = libc.func('int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)');
  const syscall = libc.func('long syscall(long number, unsigned int operation, unsigned int flags, void *program)');
  // struct sock_fprog, the instructions behind it.
  const code = Buffer.from(program, 'hex');
  const bytes = new Uint8Array(new ArrayBuffer(program_bytes + code.length));
  bytes.set(code, program_bytes);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, code.length / 8, true);
  view.setBigUint64(8, koffi.address(bytes) + BigInt(program_bytes), true);
  if (prctl(pr_set_no_new_privs, 1, 0, 0, 0) !== 0) throw new Error(`prctl: errno ${koffi.errno()}`);
  const result = syscall(Number(call), seccomp_set_mode_filter, seccomp_filter_flag_tsync, bytes);
  // A kernel without filters says the same to the compiler, which tells its parent.
  if (result !== 0 && !absent.includes(koffi.errno())) throw new Error(`seccomp: ${result}, errno ${koffi.errno()}`);
}
const fcntl = libc.func('int fcntl(int fd, int command, ...)');
// It stays open in the program that this one becomes.
if (fcntl(pipe_descriptor, f_setfd, 'int', 0) !== 0) throw new Error('the pipe to the parent is not there');
process.execve(process.execPath, [process.execPath, ...command], {
  NODE_CHANNEL_FD: String(pipe_descriptor),
  NODE_CHANNEL_SERIALIZATION_MODE: 'advanced',
});
