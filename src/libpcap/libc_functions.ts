import type { LibraryHandle } from 'koffi';
import type { FilePointer } from './pointer.ts';

/**
 * The calls of the C library that edgetap makes, with C's own semantics: -1 (or null) is a failure and `errno` has the reason.
 * Source: the Linux man pages of the same names, sections 2 and 3.
 */
export interface LibcFunctions {
  /** `descriptors`: `struct pollfd` of 8 bytes each. */
  poll(descriptors: Uint8Array, count: number, timeout_ms: number): number;
  eventfd(initial: number, flags: number): number;
  read(descriptor: number, into: Uint8Array, bytes: number): number | bigint;
  write(descriptor: number, from: Uint8Array, bytes: number): number | bigint;
  close(descriptor: number): number;
  socket(domain: number, type: number, protocol: number): number;
  fcntl(descriptor: number, command: number, argument: number): number;
  ioctl(descriptor: number, request: number, argument: Uint8Array): number;
  setsockopt(socket: number, level: number, name: number, value: Uint8Array, bytes: number): number;
  getsockopt(socket: number, level: number, name: number, value: Uint8Array, bytes: Uint8Array): number;
  bind(socket: number, address: Uint8Array, bytes: number): number;
  /** `bytes`: a 32-bit length, of the room before and of the address after. */
  getsockname(socket: number, address: Uint8Array, bytes: Uint8Array): number;
  /** `time`: `struct timespec`, 8 bytes of seconds and 8 of nanoseconds. */
  clock_gettime(clock: number, time: Uint8Array): number;
  fmemopen(memory: Uint8Array, bytes: number, mode: string): FilePointer | null;
  /** `kind` 2: the caller sees to it that one thread at a time uses the stream (`FSETLOCKING_BYCALLER`). */
  __fsetlocking(file: FilePointer, kind: number): number;
  fclose(file: FilePointer): number;
  ftell(file: FilePointer): number | bigint;
  rewind(file: FilePointer): void;
}

/** Declares them on the running program, which has the C library in it. */
export function libcFunctions(program: LibraryHandle): LibcFunctions {
  const declare = (prototype: string) => program.func(prototype);
  const fcntl = declare('int fcntl(int fd, int command, ...)');
  const ioctl = declare('int ioctl(int fd, unsigned long request, ...)');
  return {
    poll: declare('int poll(void *fds, unsigned long count, int timeout)'),
    eventfd: declare('int eventfd(unsigned int initial, int flags)'),
    read: declare('long read(int fd, void *into, size_t bytes)'),
    write: declare('long write(int fd, const void *from, size_t bytes)'),
    close: declare('int close(int fd)'),
    socket: declare('int socket(int domain, int type, int protocol)'),
    fcntl: (descriptor, command, argument) => fcntl(descriptor, command, 'int', argument),
    ioctl: (descriptor, request, argument) => ioctl(descriptor, request, 'void *', argument),
    setsockopt: declare('int setsockopt(int fd, int level, int name, const void *value, uint32_t bytes)'),
    getsockopt: declare('int getsockopt(int fd, int level, int name, void *value, void *bytes)'),
    bind: declare('int bind(int fd, const void *address, uint32_t bytes)'),
    getsockname: declare('int getsockname(int fd, void *address, void *bytes)'),
    clock_gettime: declare('int clock_gettime(int clock, void *time)'),
    fmemopen: declare('void *fmemopen(void *memory, size_t bytes, const char *mode)'),
    __fsetlocking: declare('int __fsetlocking(void *file, int kind)'),
    fclose: declare('int fclose(void *file)'),
    ftell: declare('long ftell(void *file)'),
    rewind: declare('void rewind(void *file)'),
  };
}
