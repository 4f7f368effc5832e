import koffi from 'koffi';
import { getSystemErrorMap } from 'node:util';

const libc = koffi.load('libc.so.6');

/** `socket(2)`. */
export const socket: (family: number, type: number, protocol: number) => number = libc.func(
  'int socket(int family, int type, int protocol)',
);
/** `bind(2)`; the address is its bytes. */
export const bind: (fd: number, address: Uint8Array, length: number) => number = libc.func(
  'int bind(int fd, const void *address, uint32_t length)',
);
/** `sendmmsg(2)`; the messages are an array of `struct mmsghdr`. */
export const sendmmsg: (fd: number, messages: Uint8Array, count: number, flags: number) => number = libc.func(
  'int sendmmsg(int fd, void *messages, unsigned int count, int flags)',
);
/** `setns(2)`: moves the calling thread into a namespace. */
export const setns: (fd: number, kind: number) => number = libc.func('int setns(int fd, int kind)');
/** `if_nametoindex(3)`: 0 when there is no such interface. */
export const if_nametoindex: (name: string) => number = libc.func('unsigned int if_nametoindex(const char *name)');
/** `close(2)`. */
export const close: (fd: number) => number = libc.func('int close(int fd)');

const ioctlAny: (fd: number, request: number, type: string, value: Uint8Array | number) => number = libc.func(
  'int ioctl(int fd, unsigned long request, ...)',
);

/** `ioctl(2)` with a pointer to the bytes, or with an `int`. */
export function ioctl(fd: number, request: number, value: Uint8Array | number): number {
  return ioctlAny(fd, request, typeof value === 'number' ? 'int' : 'void *', value);
}

/** The address of the first byte; it stays good only while the bytes are reachable from JavaScript. */
export function addressOf(bytes: Uint8Array): bigint {
  return koffi.address(bytes);
}

/** The error of the call that has just failed: its message names the call and the errno, `code` is the errno's name. */
export function lastError(call: string): Error & { code: string } {
  const errno = koffi.errno();
  const [code, text] = getSystemErrorMap().get(-errno) ?? [`errno ${errno}`, 'unknown'];
  return Object.assign(new Error(`${call}: ${code}: ${text}`), { code });
}
